// The text form of key files: what a person sees between BEGIN and END. For
// this folder's own sources.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/bytes.h"

namespace nightsafe {

inline constexpr size_t kMaxKeyFileBytes = 64 << 10;
inline constexpr size_t kMaxKeyLabelBytes = 200;

// `noun` is "RECOVERY KEY" and the like. The text is as secret as `bytes`.
std::string EncodeKeyText(absl::string_view noun, ByteView bytes);

struct KeyText {
  std::string noun;
  std::string bytes;
};
// INVALID_ARGUMENT unless `text` is, but for white space around it and CR
// before line ends, exactly what EncodeKeyText makes of these bytes.
absl::StatusOr<KeyText> DecodeKeyText(absl::string_view text);

// INVALID_ARGUMENT unless `label` is UTF-8 of at most 200 bytes without control
// characters (it is shown on terminals).
absl::Status CheckKeyLabel(absl::string_view label);

}  // namespace nightsafe
