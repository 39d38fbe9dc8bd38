// Identifiers in the fields of records.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/bytes.h"

namespace nightsafe {

// `bytes` as an identifier, or an error that says which field is wrong.
template <typename IdType>
absl::Status TakeField(absl::string_view field, const std::string& bytes,
                       IdType& out) {
  absl::StatusOr<IdType> id = IdType::FromBytes(AsBytes(bytes));
  if (!id.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, " has ", bytes.size(), " bytes, must have ", IdType::kSize));
  }
  out = *id;
  return absl::OkStatus();
}

}  // namespace nightsafe
