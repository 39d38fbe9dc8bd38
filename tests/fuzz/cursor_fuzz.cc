// Reads any bytes as a program of cursor calls: no call may read outside the
// input, a cursor that failed stays failed, and what was read, written again,
// is what stood there.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/cursor.h"
#include "common/base/ids.h"

namespace nightsafe {
namespace {

void Step(ByteCursor& cursor, std::string& written) {
  const uint8_t what = cursor.U8();
  PutU8(what, written);
  switch (what % 7) {
    case 0:
      return PutU8(cursor.U8(), written);
    case 1:
      return PutU16(cursor.U16(), written);
    case 2:
      return PutU32(cursor.U32(), written);
    case 3:
      return PutU64(cursor.U64(), written);
    case 4:
      return AppendBytes(cursor.TakeId<ObjectId>().view(), written);
    case 5:
      return PutLengthPrefixed(cursor.Take(cursor.U32()), written);
    default: {
      const uint64_t length = cursor.U64();
      PutU64(length, written);
      return AppendBytes(cursor.Take(length), written);
    }
  }
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  const ByteView input = std::as_bytes(std::span(data, size));
  ByteCursor cursor(input);
  std::string written;
  while (!cursor.failed() && !cursor.rest().empty()) {
    const size_t before = cursor.rest().size();
    Step(cursor, written);
    NS_CHECK(cursor.rest().size() < before);
    if (!cursor.failed()) {
      NS_CHECK(written ==
               AsText(input.first(input.size() - cursor.rest().size())));
    }
  }
  NS_CHECK(cursor.failed() != cursor.status("input").ok());
  NS_CHECK(cursor.Finish("input").ok() == cursor.status("input").ok());
  if (size > 0) NS_CHECK(!ByteCursor(input).Finish("input").ok());
  if (cursor.failed()) NS_CHECK(cursor.U64() == 0 && cursor.failed());
  NS_CHECK(Crc32c(input) == PortableCrc32c(input));
  return 0;
}
