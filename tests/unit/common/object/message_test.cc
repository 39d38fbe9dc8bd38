#include "common/object/message.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "common/base/cursor.h"
#include "common/base/limits.h"

namespace nightsafe {
namespace {

std::string Framed(MessageCodec codec, uint32_t plain_length,
                   absl::string_view payload) {
  const auto length =
      static_cast<size_t>(PaddedLength(kMessageHeaderBytes + payload.size()));
  std::string buffer(kMessageHeaderBytes, '\xaa');
  buffer.append(payload.data(), payload.size());
  buffer.resize(length, '\xaa');
  const ByteView message =
      FrameMessage(codec, plain_length, static_cast<uint32_t>(payload.size()),
                   AsMutableBytes(buffer));
  return std::string(AsText(message));
}

absl::StatusCode Parsed(const std::string& message) {
  return ParseMessage(AsBytes(message)).status().code();
}

TEST(PaddedLength, FollowsThePaper) {
  // E = floor(log2 L), S = floor(log2 E) + 1; the last E - S bits are zero.
  for (uint64_t length = 2; length < 100000; ++length) {
    const auto e = static_cast<uint64_t>(std::log2(length));
    const auto s = static_cast<uint64_t>(std::log2(e)) + 1;
    const uint64_t step = uint64_t{1} << (e - s);
    ASSERT_EQ(PaddedLength(length), (length + step - 1) / step * step)
        << length;
  }
  EXPECT_EQ(PaddedLength(0), 0u);
  EXPECT_EQ(PaddedLength(1), 1u);
  EXPECT_EQ(PaddedLength((1 << 20) + 1), (1u << 20) + (1u << 15));
}

TEST(PaddedLength, CostsAtMostAnEighthAndIsItsOwnPaddedLength) {
  for (uint64_t length = 9; length < (64 << 20); length += length / 7 + 1) {
    const uint64_t padded = PaddedLength(length);
    EXPECT_GE(padded, length);
    EXPECT_LE(padded, length + length / 8 + 1);
    EXPECT_EQ(PaddedLength(padded), padded);
  }
}

TEST(Message, ParsesWhatWasFramed) {
  for (size_t length : {0u, 1u, 7u, 8u, 100u, 5000u}) {
    const std::string payload(length, 'p');
    const std::string message = Framed(MessageCodec::kZstd, 123456, payload);
    absl::StatusOr<MessageView> view = ParseMessage(AsBytes(message));
    ASSERT_TRUE(view.ok()) << view.status();
    EXPECT_EQ(view->codec, MessageCodec::kZstd);
    EXPECT_EQ(view->plain_length, 123456u);
    EXPECT_EQ(AsText(view->payload), payload);
  }
}

TEST(Message, RefusesEveryOtherLength) {
  const std::string message =
      Framed(MessageCodec::kPlain, 200, std::string(200, 'p'));
  ASSERT_GT(message.size(), 209u) << "the example needs padding";
  for (size_t length = 0; length < message.size(); ++length) {
    EXPECT_EQ(Parsed(message.substr(0, length)), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(Parsed(message + std::string(1, '\0')),
            absl::StatusCode::kDataLoss);
  const auto next = static_cast<size_t>(PaddedLength(message.size() + 1));
  EXPECT_EQ(Parsed(message + std::string(next - message.size(), '\0')),
            absl::StatusCode::kDataLoss);
}

TEST(Message, RefusesPaddingThatIsNotZero) {
  const std::string message =
      Framed(MessageCodec::kPlain, 200, std::string(200, 'p'));
  for (size_t bit = 8 * 209; bit < 8 * message.size(); ++bit) {
    std::string changed = message;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    EXPECT_EQ(Parsed(changed), absl::StatusCode::kDataLoss);
  }
}

TEST(Message, RefusesUnknownCodecsAndImpossibleLengths) {
  EXPECT_EQ(Parsed(Framed(static_cast<MessageCodec>(2), 3, "abc")),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(Parsed(Framed(MessageCodec::kPlain, 4, "abc")),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(Parsed(Framed(MessageCodec::kZstd, kMaxPlainBytes + 1, "abc")),
            absl::StatusCode::kDataLoss);
  std::string endless(kMessageHeaderBytes, '\xff');
  endless[0] = 0;
  EXPECT_EQ(Parsed(endless), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace nightsafe
