// Any bytes as a journal segment: both walks end, agree on what they accept,
// and refuse with DATA_LOSS.
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/check.h"
#include "server/journal/format.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  const ByteView input = std::as_bytes(std::span(data, size));
  const auto header = DecodeSegmentHeader(input);
  if (!header.ok()) {
    NS_CHECK(absl::IsDataLoss(header.status()));
    return 0;
  }
  const auto ignore = [](ByteView, const JournalPosition&) {
    return absl::OkStatus();
  };
  const auto last = WalkLastSegment(input, *header, ignore);
  if (!last.ok()) {
    NS_CHECK(absl::IsDataLoss(last.status()));
    return 0;
  }
  NS_CHECK(last->offset <= input.size());
  const auto finished =
      WalkFinishedSegment(input, *header, last->offset, ignore);
  NS_CHECK(finished.ok() && finished->chain == last->chain);
  return 0;
}
