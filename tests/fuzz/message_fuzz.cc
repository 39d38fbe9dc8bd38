// Any bytes as the message of an object whose key is known, as a hostile member
// of the domain could seal it: opened to exactly the length it claims, or
// refused. First byte odd: the payload is compressed and framed here, then
// bytes of it are changed.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/check.h"
#include "common/base/cursor.h"
#include "common/crypto/aead.h"
#include "common/crypto/random.h"
#include "common/object/sealer.h"
#include "tests/fuzz/fuzz_input.h"

namespace nightsafe {
namespace {

std::string Frame(MessageCodec codec, uint32_t plain_length, ByteView payload) {
  std::string buffer(PaddedLength(kMessageHeaderBytes + payload.size()), 'x');
  std::copy(payload.begin(), payload.end(),
            AsMutableBytes(buffer).begin() + kMessageHeaderBytes);
  const ByteView framed =
      FrameMessage(codec, plain_length, static_cast<uint32_t>(payload.size()),
                   AsMutableBytes(buffer));
  NS_CHECK(framed.size() == buffer.size());
  return buffer;
}

std::string CompressedMessage(FuzzInput& input) {
  // Each piece again and again, so that there is something to save.
  std::string plain;
  for (size_t pieces = input.Below(4); pieces > 0; --pieces) {
    const std::string piece = input.Text();
    for (size_t times = input.Below(64); times > 0; --times) plain += piece;
  }
  std::string frame(Compressor::Bound(plain.size()), '\0');
  frame.resize(Compressor(kDefaultCompressionLevel)
                   .Compress(AsBytes(plain), AsMutableBytes(frame))
                   .value());
  while (!input.done()) {
    const size_t at = input.Number(2) % frame.size();
    frame[at] =
        static_cast<char>(frame[at] ^ static_cast<char>(input.Number()));
  }
  return Frame(MessageCodec::kZstd, static_cast<uint32_t>(plain.size()),
               AsBytes(frame));
}

void CheckMessage(const std::string& message) {
  const auto view = ParseMessage(AsBytes(message));
  if (view.ok()) {
    NS_CHECK(Frame(view->codec, view->plain_length, view->payload) == message);
  } else {
    NS_CHECK(absl::IsDataLoss(view.status()));
  }
  ObjectRef ref;
  ByteCursor cursor(AsBytes(message));
  cursor.U8();
  ref.plain_length = cursor.U32();
  const std::string header = EncodeObjectHeader(ObjectKind::kData, {});
  std::string object = header;
  SealOnce(ref.key.bytes, AsBytes(header), AsBytes(message), object);
  ref.id = ObjectIdOf(AsBytes(object));
  static Opener& opener = *new Opener;
  const auto plain = opener.Open(AsBytes(object), ref);
  if (!plain.ok()) {
    NS_CHECK(absl::IsDataLoss(plain.status()));
    return;
  }
  NS_CHECK(view.ok() && plain->size() == ref.plain_length);
  if (view->codec == MessageCodec::kPlain) {
    NS_CHECK(*plain == AsText(view->payload));
  }
  ObjectRef other = ref;
  ++other.plain_length;
  NS_CHECK(absl::IsDataLoss(opener.Open(AsBytes(object), other).status()));
  other = ref;
  other.id.bytes[0] ^= std::byte{1};
  NS_CHECK(absl::IsDataLoss(opener.Open(AsBytes(object), other).status()));
  other = ref;
  other.key.bytes[0] ^= std::byte{1};
  NS_CHECK(absl::IsDataLoss(opener.Open(AsBytes(object), other).status()));
  const std::string manifest =
      EncodeObjectHeader(ObjectKind::kManifest, {ref.id});
  NS_CHECK(absl::IsDataLoss(opener.Open(AsBytes(manifest), ref).status()));
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  InitCrypto();
  FuzzInput input(data, size);
  CheckMessage(input.Flag() ? CompressedMessage(input) : input.RestText());
  return 0;
}
