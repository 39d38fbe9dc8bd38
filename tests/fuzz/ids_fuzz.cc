// Hex in any form: what decodes encodes to the same digits again.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/strings/ascii.h"
#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/ids.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  const ByteView input = std::as_bytes(std::span(data, size));
  if (auto raw = HexDecode(AsText(input)); raw.ok()) {
    NS_CHECK(HexEncode(AsBytes(*raw)) == absl::AsciiStrToLower(AsText(input)));
  }
  if (auto id = ObjectId::FromHex(AsText(input)); id.ok()) {
    NS_CHECK(id->Hex() == absl::AsciiStrToLower(AsText(input)));
  }
  const std::string hex = HexEncode(input);
  NS_CHECK(*HexDecode(hex) == AsText(input));
  return 0;
}
