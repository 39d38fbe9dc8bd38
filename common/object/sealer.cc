#include "common/object/sealer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/crypto/aead.h"
#include "common/crypto/blake3.h"

namespace nightsafe {
namespace {

// Growing only, so that reuse does not clear what will be overwritten.
MutableBytes AtLeast(size_t length, std::string& buffer) {
  if (buffer.size() < length) buffer.resize(length);
  return AsMutableBytes(buffer);
}

KeyView ViewOf(const MessageKey& key) { return key.bytes; }

absl::Status CheckSealable(ObjectKind kind, const std::vector<ObjectId>& refs,
                           ByteView plain) {
  NS_CHECK(kind == ObjectKind::kNode ||
           (kind == ObjectKind::kData && refs.empty()));
  if (plain.size() > kMaxPlainBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "object of ", plain.size(), " plain bytes, limit ", kMaxPlainBytes));
  }
  if (refs.size() > kMaxObjectRefs) {
    return absl::InvalidArgumentError(absl::StrCat(
        "object with ", refs.size(), " references, limit ", kMaxObjectRefs));
  }
  for (size_t i = 1; i < refs.size(); ++i) {
    if (!(refs[i - 1] < refs[i])) {
      return absl::InvalidArgumentError(
          "references of an object are not sorted and unique");
    }
  }
  return absl::OkStatus();
}

}  // namespace

Sealer::Sealer(const DomainKeys& keys, int level)
    : keys_(keys), compressor_(level) {}

absl::Status Sealer::CheckCompressed(ByteView frame, ByteView plain) {
  const MutableBytes check =
      AtLeast(plain.size(), verified_).first(plain.size());
  const absl::Status status = decompressor_.Decompress(frame, check);
  if (!status.ok() || !std::equal(plain.begin(), plain.end(), check.begin())) {
    return absl::InternalError(
        absl::StrCat("what was compressed does not decompress to the same ",
                     plain.size(), " bytes; check this machine's memory"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ByteView> Sealer::EncodeMessage(ByteView plain) {
  const size_t room = kMessageHeaderBytes +
                      std::max(Compressor::Bound(plain.size()), plain.size());
  const MutableBytes buffer =
      AtLeast(static_cast<size_t>(PaddedLength(room)), message_);
  const MutableBytes space = buffer.subspan(kMessageHeaderBytes);
  const auto plain_length = static_cast<uint32_t>(plain.size());
  NS_ASSIGN_OR_RETURN(const size_t compressed,
                      compressor_.Compress(plain, space));
  if (compressed < plain.size() - plain.size() / 16) {
    NS_RETURN_IF_ERROR(CheckCompressed(space.first(compressed), plain));
    return FrameMessage(MessageCodec::kZstd, plain_length,
                        static_cast<uint32_t>(compressed), buffer);
  }
  std::copy(plain.begin(), plain.end(), space.begin());
  return FrameMessage(MessageCodec::kPlain, plain_length, plain_length, buffer);
}

absl::StatusOr<SealedObject> Sealer::Seal(ObjectKind kind,
                                          const std::vector<ObjectId>& refs,
                                          ByteView plain) {
  NS_RETURN_IF_ERROR(CheckSealable(kind, refs, plain));
  NS_ASSIGN_OR_RETURN(const ByteView message, EncodeMessage(plain));
  const std::string header = EncodeObjectHeader(kind, refs);
  const size_t length = header.size() + message.size() + kAeadTagBytes;
  if (length > kMaxObjectBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "sealed object of ", length, " bytes, limit ", kMaxObjectBytes));
  }
  SealedObject object;
  object.ref.plain_length = static_cast<uint32_t>(plain.size());
  object.ref.key = MessageKey::FromValidBytes(Blake3(keys_.message_key.view())
                                                  .Update(AsBytes(header))
                                                  .Update(message)
                                                  .Finish());
  object.bytes.reserve(length);
  object.bytes = header;
  SealOnce(ViewOf(object.ref.key), AsBytes(header), message, object.bytes);
  object.ref.id = ObjectIdOf(AsBytes(object.bytes));
  return object;
}

absl::StatusOr<std::string> Opener::Open(ByteView object,
                                         const ObjectRef& ref) {
  if (ref.plain_length > kMaxPlainBytes) {
    return absl::DataLossError(absl::StrCat("reference to ", ref.plain_length,
                                            " plain bytes, limit ",
                                            kMaxPlainBytes));
  }
  NS_ASSIGN_OR_RETURN(const ObjectView view, ParseObject(object));
  if (view.kind == ObjectKind::kManifest) {
    return absl::DataLossError("a manifest where data or a node is expected");
  }
  if (const ObjectId id = ObjectIdOf(object); id != ref.id) {
    return absl::DataLossError(absl::StrCat(
        "bytes are those of object ", id.Hex(), ", not of ", ref.id.Hex()));
  }
  NS_ASSIGN_OR_RETURN(std::string message,
                      OpenOnce(ViewOf(ref.key), view.header, view.body));
  NS_ASSIGN_OR_RETURN(const MessageView parsed, ParseMessage(AsBytes(message)));
  if (parsed.plain_length != ref.plain_length) {
    return absl::DataLossError(absl::StrCat("object of ", parsed.plain_length,
                                            " plain bytes, ", ref.plain_length,
                                            " expected"));
  }
  if (parsed.codec == MessageCodec::kPlain) {
    message.resize(kMessageHeaderBytes + ref.plain_length);
    message.erase(0, kMessageHeaderBytes);
    return message;
  }
  std::string plain(ref.plain_length, '\0');
  NS_RETURN_IF_ERROR(
      decompressor_.Decompress(parsed.payload, AsMutableBytes(plain)));
  return plain;
}

}  // namespace nightsafe
