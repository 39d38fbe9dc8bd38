#include "common/base/cursor.h"

#include "absl/strings/str_cat.h"

namespace nightsafe {
namespace {

void PutInteger(uint64_t value, size_t size, std::string& out) {
  for (size_t i = 0; i < size; ++i) {
    out.push_back(static_cast<char>(value >> (8 * i)));
  }
}

}  // namespace

ByteView ByteCursor::Take(uint64_t length) {
  if (failed_ || length > rest_.size()) {
    failed_ = true;
    return {};
  }
  ByteView taken = rest_.first(static_cast<size_t>(length));
  rest_ = rest_.subspan(static_cast<size_t>(length));
  return taken;
}

uint64_t ByteCursor::Integer(size_t size) {
  uint64_t value = 0;
  size_t shift = 0;
  for (std::byte b : Take(size)) {
    value |= std::to_integer<uint64_t>(b) << shift;
    shift += 8;
  }
  return value;
}

absl::Status ByteCursor::status(absl::string_view what) const {
  if (!failed_) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(what, " ends early"));
}

absl::Status ByteCursor::Finish(absl::string_view what) const {
  if (failed_) return status(what);
  if (rest_.empty()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(what, " has ", rest_.size(), " bytes too many"));
}

void PutU8(uint8_t value, std::string& out) { PutInteger(value, 1, out); }
void PutU16(uint16_t value, std::string& out) { PutInteger(value, 2, out); }
void PutU32(uint32_t value, std::string& out) { PutInteger(value, 4, out); }
void PutU64(uint64_t value, std::string& out) { PutInteger(value, 8, out); }

void PutLengthPrefixed(ByteView bytes, std::string& out) {
  PutU32(static_cast<uint32_t>(bytes.size()), out);
  AppendBytes(bytes, out);
}

}  // namespace nightsafe
