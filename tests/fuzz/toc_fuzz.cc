// Any bytes as a table of contents: what decodes encodes to the same bytes.
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/check.h"
#include "server/pack/format.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  const ByteView input = std::as_bytes(std::span(data, size));
  const auto toc = DecodeToc(input);
  NS_CHECK(toc.ok() ? EncodeToc(*toc) == AsText(input)
                    : absl::IsDataLoss(toc.status()));
  return 0;
}
