// Any bytes as the message of an object whose key is known, as a hostile member
// of the domain could seal it: opened to exactly the length it claims, or
// refused.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "common/base/check.h"
#include "common/base/cursor.h"
#include "common/crypto/aead.h"
#include "common/crypto/random.h"
#include "common/object/sealer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  InitCrypto();
  const ByteView message = std::as_bytes(std::span(data, size));
  const std::string header = EncodeObjectHeader(ObjectKind::kData, {});
  ObjectRef ref;
  ByteCursor cursor(message);
  cursor.U8();
  ref.plain_length = cursor.U32();
  std::string object = header;
  SealOnce(ref.key.bytes, AsBytes(header), message, object);
  ref.id = ObjectIdOf(AsBytes(object));
  Opener opener;
  const auto plain = opener.Open(AsBytes(object), ref);
  NS_CHECK(plain.ok() || absl::IsDataLoss(plain.status()));
  if (plain.ok()) NS_CHECK(plain->size() == ref.plain_length);
  return 0;
}
