// Any bytes as an entry: what a check lets through is accepted again after it
// was written anew, as the same bytes from then on.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/tree/entry.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  v1::format::Entry entry;
  if (!entry.ParseFromArray(data, static_cast<int>(size))) return 0;
  const absl::Status status = CheckEntry(entry);
  NS_CHECK(status.ok() || absl::IsDataLoss(status));
  if (!status.ok()) return 0;
  const std::string written = entry.SerializeAsString();
  v1::format::Entry again;
  NS_CHECK(again.ParseFromString(written));
  NS_CHECK(CheckEntry(again).ok());
  NS_CHECK(again.SerializeAsString() == written);
  NS_CHECK(FileBytes(again) == FileBytes(entry));
  NS_CHECK(HasContent(again) == HasContent(entry));
  NS_CHECK(entry.symlink_target().size() < kMaxSymlinkBytes);
  NS_CHECK(entry.mode() <= 07777);
  return 0;
}
