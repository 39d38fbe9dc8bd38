// Reads any bytes as a program of cursor calls: no call may read outside the
// input, and a cursor that failed stays failed.
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/check.h"
#include "common/base/cursor.h"
#include "common/base/ids.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using nightsafe::ByteCursor;
  const nightsafe::ByteView input = std::as_bytes(std::span(data, size));
  ByteCursor cursor(input);
  while (!cursor.failed() && !cursor.rest().empty()) {
    const size_t before = cursor.rest().size();
    switch (cursor.U8() % 7) {
      case 0:
        cursor.U8();
        break;
      case 1:
        cursor.U16();
        break;
      case 2:
        cursor.U32();
        break;
      case 3:
        cursor.U64();
        break;
      case 4:
        cursor.TakeId<nightsafe::ObjectId>();
        break;
      case 5:
        cursor.Take(cursor.U32());
        break;
      default:
        cursor.Take(cursor.U64());
        break;
    }
    NS_CHECK(cursor.rest().size() < before);
  }
  NS_CHECK(cursor.failed() != cursor.status("input").ok());
  if (cursor.failed()) NS_CHECK(cursor.U64() == 0);
  return 0;
}
