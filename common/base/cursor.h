// Fixed little-endian fields, read with bounds checked and written.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"

namespace nightsafe {

// Reads from the front of a view. A read past the end yields zero (or an empty
// view) and makes the cursor fail for good: decode all fields, then ask
// status() once. Never reads outside the view.
class ByteCursor {
 public:
  explicit ByteCursor(ByteView bytes) : rest_(bytes) {}

  uint8_t U8() { return static_cast<uint8_t>(Integer(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Integer(2)); }
  uint32_t U32() { return static_cast<uint32_t>(Integer(4)); }
  uint64_t U64() { return Integer(8); }
  // A view of the next `length` bytes; borrows from the input.
  ByteView Take(uint64_t length);

  template <typename IdType>
  IdType TakeId() {
    ByteView view = Take(IdType::kSize);
    return failed_ ? IdType{} : IdType::FromValidBytes(view);
  }

  ByteView rest() const { return rest_; }
  bool failed() const { return failed_; }
  // DATA_LOSS "`what` ends early" after any read past the end.
  absl::Status status(absl::string_view what) const;
  // The same, and DATA_LOSS if bytes are left.
  absl::Status Finish(absl::string_view what) const;

 private:
  uint64_t Integer(size_t size);
  ByteView rest_;
  bool failed_ = false;
};

void PutU8(uint8_t value, std::string& out);
void PutU16(uint16_t value, std::string& out);
void PutU32(uint32_t value, std::string& out);
void PutU64(uint64_t value, std::string& out);
// u32 length, then the bytes: unambiguous when several follow each other.
void PutLengthPrefixed(ByteView bytes, std::string& out);

}  // namespace nightsafe
