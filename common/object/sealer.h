// Plaintext to sealed object and back: compress, pad, derive the key from the
// exact message, encrypt, hash. Deterministic, so equal plaintexts of a domain
// are one object.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/crypto/domain_keys.h"
#include "common/object/compression.h"
#include "common/object/message.h"
#include "common/object/object.h"

namespace nightsafe {

// The key of one object. A secret, but it lives in nodes and indexes by the
// thousand, so a plain value.
using MessageKey = Id<struct MessageKeyTag, 32>;

// All that is needed to fetch and open an object.
struct ObjectRef {
  ObjectId id;
  MessageKey key;
  uint32_t plain_length = 0;  // bytes

  friend bool operator==(const ObjectRef&, const ObjectRef&) = default;
};

struct SealedObject {
  ObjectRef ref;
  std::string bytes;
};

inline constexpr int kDefaultCompressionLevel = 1;

// One per thread: owns compression contexts. Borrows `keys`.
class Sealer {
 public:
  explicit Sealer(const DomainKeys& keys, int level = kDefaultCompressionLevel);
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  // kData (no refs) or kNode (refs sorted, unique). Compressed output that does
  // not save 1/16 is stored plain. What was compressed is decompressed and
  // compared before it is sealed: INTERNAL if it differs. INVALID_ARGUMENT
  // past kMaxPlainBytes or if the object would pass kMaxObjectBytes.
  absl::StatusOr<SealedObject> Seal(ObjectKind kind,
                                    const std::vector<ObjectId>& refs,
                                    ByteView plain);

 private:
  // A view of message_.
  absl::StatusOr<ByteView> EncodeMessage(ByteView plain);
  absl::Status CheckCompressed(ByteView frame, ByteView plain);
  const DomainKeys& keys_;
  Compressor compressor_;
  Decompressor decompressor_;
  std::string message_;   // reused between calls, never shrinks
  std::string verified_;  // reused between calls, never shrinks
};

// One per thread. Needs no domain secret: the parent says id, key and length.
class Opener {
 public:
  Opener() = default;
  Opener(const Opener&) = delete;
  Opener& operator=(const Opener&) = delete;

  // The plaintext of `object`. DATA_LOSS if the bytes are not those of ref.id,
  // do not open with ref.key, or give another length; never allocates more than
  // ref.plain_length (itself <= kMaxPlainBytes) for the result.
  absl::StatusOr<std::string> Open(ByteView object, const ObjectRef& ref);

 private:
  Decompressor decompressor_;
};

}  // namespace nightsafe
