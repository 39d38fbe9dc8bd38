#include "common/base/names.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace nightsafe {
namespace {

bool Matches(absl::string_view name, size_t max_length, bool upper) {
  if (name.empty() || name.size() > max_length) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    const bool word = absl::ascii_islower(c) || absl::ascii_isdigit(c) ||
                      (upper && absl::ascii_isupper(c));
    const bool mark = i > 0 && (c == '.' || c == '_' || c == '-');
    if (!word && !mark) return false;
  }
  return true;
}

}  // namespace

absl::Status ValidateName(absl::string_view noun, absl::string_view name) {
  if (Matches(name, 63, /*upper=*/false)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      noun, " name \"", absl::CHexEscape(name.substr(0, 80)),
      "\" is not allowed: use 1 to 63 of a-z, 0-9, '.', '_' and '-', beginning "
      "with a letter or digit"));
}

absl::Status ValidateKeyedName(absl::string_view name) {
  if (Matches(name, 128, /*upper=*/true)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "snapshot name \"", absl::CHexEscape(name.substr(0, 160)),
      "\" is not allowed: use 1 to 128 of A-Z, a-z, 0-9, '.', '_' and '-', "
      "beginning with a letter or digit"));
}

}  // namespace nightsafe
