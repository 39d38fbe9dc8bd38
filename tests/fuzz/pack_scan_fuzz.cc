// Any bytes as a pack: what the scan accepts has its id and lies in order.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/check.h"
#include "server/pack/pack_scan.h"

namespace {

class MemoryFile final : public nightsafe::File {
 public:
  explicit MemoryFile(nightsafe::ByteView bytes) : bytes_(bytes) {}
  absl::StatusOr<size_t> ReadAt(uint64_t offset,
                                nightsafe::MutableBytes out) const override {
    const size_t begin = std::min<size_t>(offset, bytes_.size());
    const size_t size = std::min(out.size(), bytes_.size() - begin);
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(begin), size,
                out.begin());
    return size;
  }
  absl::Status WriteAt(uint64_t, nightsafe::ByteView) override {
    return absl::UnavailableError("read only");
  }
  absl::Status SyncData() override { return absl::OkStatus(); }
  void StartWriteback(uint64_t, uint64_t) override {}
  absl::Status Allocate(uint64_t) override {
    return absl::UnavailableError("read only");
  }
  absl::StatusOr<uint64_t> Size() const override { return bytes_.size(); }
  void DropCache() const override {}

 private:
  const nightsafe::ByteView bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  const ByteView input = std::as_bytes(std::span(data, size));
  uint64_t end = 0;
  uint64_t records = 0;
  const auto scan =
      ScanPack(MemoryFile(input), 0, UINT64_MAX,
               [&](const PackEntry& entry, ByteView object) {
                 NS_CHECK(ObjectId::FromValidBytes(HashOf(object)) == entry.id);
                 NS_CHECK(object.size() == entry.length && entry.offset >= end);
                 NS_CHECK(entry.end() <= input.size());
                 end = entry.end();
                 ++records;
                 return absl::OkStatus();
               });
  if (!scan.ok()) {
    NS_CHECK(absl::IsDataLoss(scan.status()));
    return 0;
  }
  NS_CHECK(scan->records == records && scan->valid_length <= input.size());
  NS_CHECK(scan->prefix_length <= scan->valid_length);
  return 0;
}
