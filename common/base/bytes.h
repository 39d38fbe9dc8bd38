// Bytes as this project passes them: views are std::span, owned bytes are
// std::string (as protobuf and gRPC have them), text is absl::string_view.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "absl/strings/string_view.h"

namespace nightsafe {

using ByteView = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline ByteView AsBytes(absl::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline MutableBytes AsMutableBytes(std::string& buffer) {
  return std::as_writable_bytes(std::span(buffer.data(), buffer.size()));
}

inline absl::string_view AsText(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline void AppendBytes(ByteView bytes, std::string& out) {
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace nightsafe
