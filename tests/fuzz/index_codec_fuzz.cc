// Keys and values of the object index: what decodes encodes to the same bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/check.h"
#include "server/store/index_codec.h"
#include "tests/fuzz/fuzz_input.h"

namespace nightsafe {
namespace {

void CheckStatus(const absl::Status& status) {
  NS_CHECK(status.ok() || absl::IsDataLoss(status));
}

void CheckValue(ByteView value) {
  const auto location = DecodeLocation(value);
  CheckStatus(location.status());
  if (location.ok()) {
    NS_CHECK(EncodeLocation(*location) == AsText(value));
    NS_CHECK(location->kind >= ObjectKind::kData &&
             location->kind <= ObjectKind::kManifest);
  }
  const auto number = DecodeNumber(value);
  CheckStatus(number.status());
  if (number.ok()) NS_CHECK(EncodeNumber(*number) == AsText(value));
}

// The vault's part of a key is not kept: that of the input is taken.
void CheckKey(ByteView key, ByteView value) {
  VaultId vault;
  if (key.size() > 17) {
    std::copy_n(key.begin() + 1, 16, vault.bytes.begin());
  }
  const auto entry = DecodeEntry(key, value);
  CheckStatus(entry.status());
  if (entry.ok()) {
    std::string again = ObjectKey(vault, entry->domain_number, entry->id);
    again[0] = static_cast<char>(key[0]);
    NS_CHECK(again == AsText(key));
    NS_CHECK(EncodeLocation(entry->location) == AsText(value));
  }
  const auto pack = DecodePackKey(key);
  CheckStatus(pack.status());
  if (pack.ok()) {
    std::string again = PackKey(vault, *pack);
    again[0] = static_cast<char>(key[0]);
    NS_CHECK(again == AsText(key));
  }
}

// Keys of one domain sort by id, domains by number.
void CheckOrder(FuzzInput& input) {
  const auto vault = input.Fixed<VaultId>();
  const auto domain_a = static_cast<uint32_t>(input.Number(4));
  const auto domain_b = static_cast<uint32_t>(input.Number(4));
  const auto a = input.Fixed<ObjectId>();
  const auto b = input.Fixed<ObjectId>();
  const bool less = domain_a != domain_b ? domain_a < domain_b : a < b;
  NS_CHECK((ObjectKey(vault, domain_a, a) < ObjectKey(vault, domain_b, b)) ==
           less);
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  nightsafe::FuzzInput input(data, size);
  if (input.Flag()) {
    nightsafe::CheckOrder(input);
    return 0;
  }
  const nightsafe::ByteView key = input.Piece();
  const nightsafe::ByteView value = input.Rest();
  nightsafe::CheckKey(key, value);
  nightsafe::CheckValue(value);
  return 0;
}
