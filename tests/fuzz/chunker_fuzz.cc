// Eight bytes choose a segment of a fixed stream, each further one the length
// of a read: the cuts are those of the whole segment, however it arrives.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/check.h"
#include "common/base/cursor.h"
#include "common/chunk/chunker.h"
#include "tests/support/domain_fixture.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  static const DomainKeys keys = TestDomainKeys();
  static const std::string stream = PseudoRandomBytes(8 << 20, 1);
  if (size < 9) return 0;
  ByteCursor input(std::as_bytes(std::span(data, size)));
  const size_t offset = input.U32() % stream.size();
  const size_t length =
      std::min<size_t>(input.U32() % (3 << 19), stream.size() - offset);
  const ByteView segment = AsBytes(stream).subspan(offset, length);
  const Chunker chunker(keys);
  size_t begin = 0, end = 0;
  while (begin < length) {
    const ByteView buffered = segment.subspan(begin, end - begin);
    const size_t cut = chunker.NextCut(buffered, end == length);
    if (cut != 0) {
      NS_CHECK(cut == chunker.NextCut(segment.subspan(begin), true));
      NS_CHECK(cut <= buffered.size() && cut <= kMaxChunkBytes);
      begin += cut;
    } else {
      NS_CHECK(end < length);
      const size_t read = input.rest().empty() ? 255 : input.U8();
      end = std::min(length, end + (read + 1) * 1024);
    }
  }
  return 0;
}
