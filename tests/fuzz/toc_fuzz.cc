// By the first byte: any bytes as a table of contents, with the hash they end
// with or with the right one, or a table made from the input. What decodes
// encodes to the same bytes.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/check.h"
#include "common/crypto/blake3.h"
#include "server/pack/format.h"
#include "tests/fuzz/fuzz_input.h"

namespace nightsafe {
namespace {

void CheckBytes(const std::string& bytes) {
  const auto toc = DecodeToc(AsBytes(bytes));
  NS_CHECK(toc.ok() ? EncodeToc(*toc) == bytes
                    : absl::IsDataLoss(toc.status()));
  if (!toc.ok()) return;
  uint64_t free_offset = kPackHeaderBytes;
  for (const PackEntry& entry : toc->entries) {
    NS_CHECK(entry.offset >= free_offset + kPackRecordHeaderBytes);
    NS_CHECK(entry.end() <= toc->pack_length);
    free_offset = entry.end();
  }
}

std::string Hashed(std::string bytes) {
  const Hash32 hash = HashOf(AsBytes(bytes));
  AppendBytes(hash, bytes);
  return bytes;
}

// In order and apart, or almost so.
void CheckMade(FuzzInput& input) {
  Toc toc{.vault = input.Fixed<VaultId>(), .pack = input.Fixed<PackId>()};
  toc.pack_class = input.Flag() ? PackClass::kNode : PackClass::kData;
  uint64_t offset = kPackHeaderBytes;
  while (!input.done() && toc.entries.size() < 64) {
    PackEntry& entry = toc.entries.emplace_back();
    entry.id = input.Fixed<ObjectId>();
    entry.offset = offset + kPackRecordHeaderBytes + input.Number() % 4 - 1;
    entry.length = static_cast<uint32_t>(7 + input.Number(2));
    entry.kind = static_cast<ObjectKind>(input.Below(5));
    entry.domain_number = static_cast<uint32_t>(input.Number(4));
    entry.writer = static_cast<uint32_t>(input.Number(4));
    offset = entry.end();
  }
  toc.pack_length = offset;
  bool sound = true;
  offset = kPackHeaderBytes;
  for (const PackEntry& entry : toc.entries) {
    sound &= entry.offset >= offset + kPackRecordHeaderBytes &&
             entry.length >= kMinObjectBytes &&
             entry.kind >= ObjectKind::kData &&
             entry.kind <= ObjectKind::kManifest;
    offset = entry.end();
  }
  const auto again = DecodeToc(AsBytes(EncodeToc(toc)));
  NS_CHECK(again.ok() == sound);
  if (sound) NS_CHECK(*again == toc);
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  FuzzInput input(data, size);
  switch (input.Below(3)) {
    case 0:
      CheckBytes(input.RestText());
      break;
    case 1:
      CheckBytes(Hashed(input.RestText()));
      break;
    default:
      CheckMade(input);
  }
  return 0;
}
