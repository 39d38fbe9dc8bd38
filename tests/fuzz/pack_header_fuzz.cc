// Headers of packs and of their records, and names of packs' files: with the
// checksum they have, then with the right one. What decodes encodes to the same
// bytes.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/cursor.h"
#include "server/pack/format.h"
#include "tests/fuzz/fuzz_input.h"

namespace nightsafe {
namespace {

std::string Summed(const std::string& bytes, size_t length) {
  std::string summed = bytes.substr(0, length - 4);
  summed.resize(length - 4);
  PutU32(Crc32c(AsBytes(summed)), summed);
  return summed;
}

void CheckHeader(const std::string& bytes) {
  const auto identity = DecodePackHeader(AsBytes(bytes));
  NS_CHECK(identity.ok() ? EncodePackHeader(*identity) ==
                               bytes.substr(0, kPackHeaderBytes)
                         : absl::IsDataLoss(identity.status()));
}

void CheckRecord(const std::string& bytes, uint64_t offset) {
  PackMarker marker;
  if (bytes.size() >= marker.bytes.size()) {
    marker = PackMarker::FromValidBytes(AsBytes(bytes));
  }
  const auto entry = DecodeRecordHeader(marker, offset, AsBytes(bytes));
  if (entry) {
    std::string again;
    EncodeRecordHeader(marker, *entry, again);
    NS_CHECK(again == bytes.substr(0, kPackRecordHeaderBytes));
    NS_CHECK(entry->offset == offset + kPackRecordHeaderBytes);
    NS_CHECK(entry->length >= kMinObjectBytes);
    NS_CHECK(entry->length <= kMaxObjectBytes);
  }
  marker.bytes[0] ^= std::byte{1};
  NS_CHECK(!DecodeRecordHeader(marker, offset, AsBytes(bytes)));
}

void CheckFileName(const std::string& name) {
  const auto pack = ParsePackFileName(name);
  NS_CHECK(!pack || PackFileName(*pack) == name);
  const auto toc = ParseTocFileName(name);
  NS_CHECK(!toc || TocFileName(*toc) == name);
  NS_CHECK(!pack || !toc);
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  FuzzInput input(data, size);
  const size_t what = input.Below(3);
  const uint64_t offset = what == 1 ? input.Number(4) : 0;
  const std::string bytes = input.RestText();
  if (what == 0) {
    CheckHeader(bytes);
    CheckHeader(Summed(bytes, kPackHeaderBytes));
  } else if (what == 1) {
    CheckRecord(bytes, offset);
    CheckRecord(Summed(bytes, kPackRecordHeaderBytes), offset);
  } else {
    CheckFileName(bytes);
  }
  return 0;
}
