#include "server/store/index_codec.h"

#include "common/base/cursor.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr size_t kVaultPrefixBytes = 16;
constexpr size_t kPrefixBytes = 1 + kVaultPrefixBytes;

// Big-endian, so that a domain's objects lie together in key order.
void PutDomain(uint32_t domain, std::string& out) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((domain >> shift) & 0xff));
  }
}

uint32_t TakeDomain(ByteCursor& cursor) {
  uint32_t domain = 0;
  for (int i = 0; i < 4; ++i) domain = (domain << 8) | cursor.U8();
  return domain;
}

}  // namespace

std::string IndexPrefix(IndexTable table, const VaultId& vault) {
  std::string key(1, static_cast<char>(table));
  AppendBytes(vault.view().first(kVaultPrefixBytes), key);
  return key;
}

std::string ObjectKey(const VaultId& vault, uint32_t domain_number,
                      const ObjectId& id) {
  std::string key = IndexPrefix(IndexTable::kObject, vault);
  PutDomain(domain_number, key);
  AppendBytes(id.bytes, key);
  return key;
}

std::string PackKey(const VaultId& vault, const PackId& pack) {
  std::string key = IndexPrefix(IndexTable::kPack, vault);
  AppendBytes(pack.bytes, key);
  return key;
}

std::string EncodeLocation(const ObjectLocation& location) {
  std::string value;
  AppendBytes(location.pack.bytes, value);
  PutU64(location.offset, value);
  PutU32(location.length, value);
  PutU8(static_cast<uint8_t>(location.kind), value);
  PutU64(location.closed_generation, value);
  return value;
}

std::string EncodeNumber(uint64_t number) {
  std::string value;
  PutU64(number, value);
  return value;
}

absl::StatusOr<ObjectLocation> DecodeLocation(ByteView value) {
  ByteCursor cursor(value);
  ObjectLocation location;
  location.pack = cursor.TakeId<PackId>();
  location.offset = cursor.U64();
  location.length = cursor.U32();
  const uint8_t kind = cursor.U8();
  location.kind = static_cast<ObjectKind>(kind);
  location.closed_generation = cursor.U64();
  NS_RETURN_IF_ERROR(cursor.Finish("entry of the object index"));
  if (kind < static_cast<uint8_t>(ObjectKind::kData) ||
      kind > static_cast<uint8_t>(ObjectKind::kManifest)) {
    return absl::DataLossError(
        absl::StrCat("entry of the object index has kind ", kind));
  }
  return location;
}

absl::StatusOr<uint64_t> DecodeNumber(ByteView value) {
  ByteCursor cursor(value);
  const uint64_t number = cursor.U64();
  NS_RETURN_IF_ERROR(cursor.Finish("number in the object index"));
  return number;
}

absl::StatusOr<IndexEntry> DecodeEntry(ByteView key, ByteView value) {
  ByteCursor cursor(key);
  cursor.Take(kPrefixBytes);
  IndexEntry entry;
  entry.domain_number = TakeDomain(cursor);
  entry.id = cursor.TakeId<ObjectId>();
  NS_RETURN_IF_ERROR(cursor.Finish("key of the object index"));
  NS_ASSIGN_OR_RETURN(entry.location, DecodeLocation(value));
  return entry;
}

absl::StatusOr<PackId> DecodePackKey(ByteView key) {
  ByteCursor cursor(key);
  cursor.Take(kPrefixBytes);
  const PackId pack = cursor.TakeId<PackId>();
  NS_RETURN_IF_ERROR(cursor.Finish("pack key of the object index"));
  return pack;
}

}  // namespace nightsafe
