#include "common/base/ids.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

namespace nightsafe {

std::string HexEncode(ByteView bytes) {
  return absl::BytesToHexString(AsText(bytes));
}

absl::StatusOr<std::string> HexDecode(absl::string_view hex) {
  if (hex.size() % 2 != 0) {
    return absl::InvalidArgumentError("hex text of an odd length");
  }
  for (char c : hex) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError("a character that is not a hex digit");
    }
  }
  return absl::HexStringToBytes(hex);
}

}  // namespace nightsafe
