// What a data or node object encrypts: codec, lengths, payload, padding.
// FORMAT.md has the byte table.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"

namespace nightsafe {

enum class MessageCodec : uint8_t { kPlain = 0, kZstd = 1 };

inline constexpr size_t kMessageHeaderBytes = 9;

// Parsed; borrows from the message.
struct MessageView {
  MessageCodec codec;
  uint32_t plain_length;  // bytes, <= kMaxPlainBytes
  ByteView payload;
};

// DATA_LOSS for an unknown codec, a length past its limit, a message that is
// not exactly as long as its padding rule says, or padding that is not zero.
absl::StatusOr<MessageView> ParseMessage(ByteView message);

// Writes everything but the payload around a payload of `payload_length` bytes
// that stands, or will stand, at kMessageHeaderBytes. `buffer` has at least
// PaddedLength(kMessageHeaderBytes + payload_length) bytes; the message is that
// many of them.
ByteView FrameMessage(MessageCodec codec, uint32_t plain_length,
                      uint32_t payload_length, MutableBytes buffer);

// Padmé (https://arxiv.org/abs/1806.03160): the padded length.
uint64_t PaddedLength(uint64_t length);

}  // namespace nightsafe
