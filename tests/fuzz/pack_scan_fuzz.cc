// First byte even: the rest is a pack; what the scan accepts has its id and
// lies in order. Odd: a pack is made from the input, and damaged: every record
// without damage is found again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "server/pack/pack_scan.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/memory_file_system.h"

namespace nightsafe {
namespace {

struct Found {
  std::vector<PackEntry> entries;
  absl::StatusOr<PackScan> scan;
};

Found Scan(const std::string& pack, uint64_t from) {
  Found found{.scan = absl::UnknownError("not scanned")};
  uint64_t end = 0;
  found.scan =
      ScanPack(MemoryFile(pack), from, UINT64_MAX,
               [&](const PackEntry& entry, ByteView object) {
                 NS_CHECK(ObjectId::FromValidBytes(HashOf(object)) == entry.id);
                 NS_CHECK(object.size() == entry.length && entry.offset >= end);
                 NS_CHECK(entry.end() <= pack.size());
                 end = entry.end();
                 found.entries.push_back(entry);
                 return absl::OkStatus();
               });
  return found;
}

void CheckScan(const Found& found, size_t size) {
  if (!found.scan.ok()) {
    NS_CHECK(absl::IsDataLoss(found.scan.status()));
    return;
  }
  const PackScan& scan = *found.scan;
  NS_CHECK(scan.records == found.entries.size());
  NS_CHECK(scan.prefix_length <= scan.valid_length);
  NS_CHECK(scan.valid_length <= std::max<size_t>(size, kPackHeaderBytes));
  NS_CHECK(scan.scanned_length == size);
  uint64_t damaged = 0;
  for (const DamagedRange& range : scan.damaged) damaged += range.length;
  NS_CHECK(damaged <= scan.damaged_bytes && damaged <= size);
  NS_CHECK((damaged == 0) == (scan.prefix_length == scan.valid_length));
}

void CheckMade(FuzzInput& input) {
  const PackIdentity identity{.marker = {input.Fixed<PackMarker>()}};
  std::string pack = EncodePackHeader(identity);
  std::vector<PackEntry> entries;
  for (size_t left = input.Below(16); left > 0; --left) {
    std::string object = input.Text();
    object.resize(std::max(object.size(), kMinObjectBytes));
    PackEntry entry{.id = ObjectId::FromValidBytes(HashOf(AsBytes(object))),
                    .offset = pack.size() + kPackRecordHeaderBytes,
                    .length = static_cast<uint32_t>(object.size()),
                    .kind = static_cast<ObjectKind>(1 + input.Below(3)),
                    .domain_number = static_cast<uint32_t>(input.Number()),
                    .writer = static_cast<uint32_t>(input.Number())};
    EncodeRecordHeader(identity.marker, entry, pack);
    pack += object;
    entries.push_back(entry);
  }
  const Found whole = Scan(pack, 0);
  NS_CHECK(whole.scan.ok() && whole.entries == entries);
  NS_CHECK(!whole.scan->torn() && whole.scan->prefix_length == pack.size());
  NS_CHECK(whole.scan->identity == identity);
  // Flipped bits of records: those that were not hit are found.
  while (!input.done() && pack.size() > kPackHeaderBytes) {
    const size_t at =
        kPackHeaderBytes + input.Number(2) % (pack.size() - kPackHeaderBytes);
    const char before = pack[at];
    pack[at] = static_cast<char>(pack[at] ^ static_cast<char>(input.Number()));
    if (pack[at] == before) continue;
    std::erase_if(entries, [at](const PackEntry& entry) {
      return at >= entry.offset - kPackRecordHeaderBytes && at < entry.end();
    });
  }
  const Found rest = Scan(pack, 0);
  CheckScan(rest, pack.size());
  NS_CHECK(rest.scan.ok());
  for (const PackEntry& entry : entries) {
    NS_CHECK(std::find(rest.entries.begin(), rest.entries.end(), entry) !=
             rest.entries.end());
  }
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  FuzzInput input(data, size);
  if (input.Flag()) {
    CheckMade(input);
    return 0;
  }
  const std::string pack = input.RestText();
  CheckScan(Scan(pack, 0), pack.size());
  return 0;
}
