#include "client/agent/index_format.h"

#include "common/crypto/blake3.h"

namespace nightsafe {

Secret32 IndexMacKey(const DomainKeys& keys) {
  const Hash32 key =
      DeriveHash("nightsafe agent index mac v1", {keys.fingerprint_key.view()});
  return Secret32(std::span<const std::byte, 32>(key));
}

uint64_t FingerprintPrefix(const Fingerprint& fingerprint) {
  uint64_t prefix = 0;
  for (size_t i = 0; i < 8; ++i) {
    prefix = prefix << 8 | std::to_integer<uint64_t>(fingerprint.bytes[i]);
  }
  return prefix;
}

void PutStamp(const FileStamp& stamp, std::string& out) {
  PutU64(stamp.inode, out);
  PutU64(stamp.size_bytes, out);
  PutU64(static_cast<uint64_t>(stamp.mtime_seconds), out);
  PutU32(stamp.mtime_nanoseconds, out);
  PutU64(static_cast<uint64_t>(stamp.ctime_seconds), out);
  PutU32(stamp.ctime_nanoseconds, out);
}

FileStamp TakeStamp(ByteCursor& cursor) {
  FileStamp stamp;
  stamp.inode = cursor.U64();
  stamp.size_bytes = cursor.U64();
  stamp.mtime_seconds = static_cast<int64_t>(cursor.U64());
  stamp.mtime_nanoseconds = cursor.U32();
  stamp.ctime_seconds = static_cast<int64_t>(cursor.U64());
  stamp.ctime_nanoseconds = cursor.U32();
  return stamp;
}

}  // namespace nightsafe
