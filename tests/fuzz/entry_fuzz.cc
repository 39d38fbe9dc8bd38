// Any bytes as an entry: what a check lets through is accepted again after it
// was written anew.
#include <cstddef>
#include <cstdint>

#include "common/base/check.h"
#include "common/tree/entry.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  nightsafe::v1::format::Entry entry;
  if (!entry.ParseFromArray(data, static_cast<int>(size))) return 0;
  if (!nightsafe::CheckEntry(entry).ok()) return 0;
  nightsafe::v1::format::Entry again;
  NS_CHECK(again.ParseFromString(entry.SerializeAsString()));
  NS_CHECK(nightsafe::CheckEntry(again).ok());
  NS_CHECK(nightsafe::FileBytes(again) == nightsafe::FileBytes(entry));
  return 0;
}
