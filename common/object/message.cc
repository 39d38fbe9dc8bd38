#include "common/object/message.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/cursor.h"
#include "common/base/limits.h"
#include "common/base/status.h"

namespace nightsafe {

uint64_t PaddedLength(uint64_t length) {
  if (length < 2) return length;
  const auto exponent = static_cast<unsigned>(std::bit_width(length)) - 1;
  const auto kept_bits = static_cast<unsigned>(std::bit_width(exponent));
  const uint64_t mask = (uint64_t{1} << (exponent - kept_bits)) - 1;
  return (length + mask) & ~mask;
}

absl::StatusOr<MessageView> ParseMessage(ByteView message) {
  ByteCursor cursor(message);
  const uint8_t codec = cursor.U8();
  MessageView view;
  view.plain_length = cursor.U32();
  const uint32_t payload_length = cursor.U32();
  view.payload = cursor.Take(payload_length);
  NS_RETURN_IF_ERROR(cursor.status("message"));
  if (codec > static_cast<uint8_t>(MessageCodec::kZstd)) {
    return absl::DataLossError(
        absl::StrCat("message with unknown codec ", codec));
  }
  view.codec = static_cast<MessageCodec>(codec);
  if (view.plain_length > kMaxPlainBytes) {
    return absl::DataLossError(absl::StrCat("message of ", view.plain_length,
                                            " plain bytes, limit ",
                                            kMaxPlainBytes));
  }
  if (view.codec == MessageCodec::kPlain &&
      payload_length != view.plain_length) {
    return absl::DataLossError(absl::StrCat("uncompressed message of ",
                                            payload_length, " bytes, ",
                                            view.plain_length, " claimed"));
  }
  const uint64_t padded =
      PaddedLength(kMessageHeaderBytes + uint64_t{payload_length});
  if (message.size() != padded) {
    return absl::DataLossError(absl::StrCat("message of ", message.size(),
                                            " bytes, ", padded, " expected"));
  }
  const ByteView padding = cursor.rest();
  if (std::any_of(padding.begin(), padding.end(),
                  [](std::byte b) { return b != std::byte{0}; })) {
    return absl::DataLossError("padding of a message is not zero");
  }
  return view;
}

ByteView FrameMessage(MessageCodec codec, uint32_t plain_length,
                      uint32_t payload_length, MutableBytes buffer) {
  const size_t end = kMessageHeaderBytes + size_t{payload_length};
  const auto padded = static_cast<size_t>(PaddedLength(end));
  NS_CHECK(buffer.size() >= padded);
  std::string header;
  PutU8(static_cast<uint8_t>(codec), header);
  PutU32(plain_length, header);
  PutU32(payload_length, header);
  std::memcpy(buffer.data(), header.data(), kMessageHeaderBytes);
  std::fill(buffer.begin() + static_cast<ptrdiff_t>(end),
            buffer.begin() + static_cast<ptrdiff_t>(padded), std::byte{0});
  return buffer.first(padded);
}

}  // namespace nightsafe
