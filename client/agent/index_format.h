// The index: what the agent remembers of its last snapshot of a set. A cache,
// never sent anywhere: the entries in walk order with where their contents are,
// the objects they lie in, and the same extents sorted by fingerprint.
//
//   magic "NSINDEX1" | identity (32) | records | objects | fingerprints | nodes
//   | footer | BLAKE3-keyed of all before (32)
//
//   record      length u32 of what follows | kind u8 (1 directory, 2 entry)
//   directory   path
//   entry       name length u16, name | stamp | read_at i64 | link group u64
//               | entry length u32, entry | extents, 48 bytes each
//   stamp       inode u64 | size u64 | mtime i64, u32 | ctime i64, u32
//   extent      1 + object number, 0 for a hole u32 | offset u32 | length u64
//               | fingerprint (32)
//   object      id (32) | key (32) | plain length u32 | live bytes u32
//   fingerprint its first 8 bytes, big-endian u64 | position of the extent u64
//   footer      snapshot (32) | ends of records, objects, fingerprints, nodes
//   u64
//
// Little-endian but for the fingerprints' first bytes, which sort as bytes do.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "client/agent/entry.h"
#include "common/base/bytes.h"
#include "common/base/cursor.h"
#include "common/base/ids.h"
#include "common/crypto/domain_keys.h"

namespace nightsafe {

inline constexpr absl::string_view kIndexMagic = "NSINDEX1";
inline constexpr size_t kIndexHeaderBytes = 8 + 32;
inline constexpr size_t kIndexFooterBytes = 32 + 4 * 8;
inline constexpr size_t kIndexMacBytes = 32;
inline constexpr uint8_t kIndexDirectory = 1;
inline constexpr uint8_t kIndexEntry = 2;
inline constexpr size_t kIndexExtentBytes = 48;
inline constexpr size_t kIndexObjectBytes = 72;
inline constexpr size_t kIndexFingerprintBytes = 16;

// A hash of what an index belongs to: server, vault, domain, epochs, set.
using IndexIdentity = Id<struct IndexIdentityTag, 32>;

// Authenticates an index. Derived from a key that the file does not hold.
Secret32 IndexMacKey(const DomainKeys& keys);

// The first 8 bytes as a number that sorts as they do.
uint64_t FingerprintPrefix(const Fingerprint& fingerprint);

void PutStamp(const FileStamp& stamp, std::string& out);
FileStamp TakeStamp(ByteCursor& cursor);

}  // namespace nightsafe
