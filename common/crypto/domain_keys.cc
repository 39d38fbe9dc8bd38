#include "common/crypto/domain_keys.h"

#include <string>

#include "common/base/cursor.h"
#include "common/crypto/blake3.h"

namespace nightsafe {
namespace {

template <size_t N>
Secret<N> Derive(absl::string_view context, const Secret32& domain_secret) {
  static_assert(N <= 32);
  Hash32 hash = DeriveHash(context, {domain_secret.view()});
  Secret<N> key(std::span<const std::byte, 32>(hash).first<N>());
  EraseBytes(hash);
  return key;
}

// Block i gives entries 4i to 4i + 3.
std::array<uint64_t, 256> GearTable(const Secret32& domain_secret) {
  std::array<uint64_t, 256> table;
  for (uint32_t block = 0; block < table.size() / 4; ++block) {
    std::string number;
    PutU32(block, number);
    const Hash32 hash = DeriveHash("nightsafe 2026 gear table v1",
                                   {domain_secret.view(), AsBytes(number)});
    ByteCursor cursor(hash);
    for (size_t i = 0; i < 4; ++i) table[4 * block + i] = cursor.U64();
  }
  return table;
}

}  // namespace

DomainKeys::DomainKeys(const Secret32& domain_secret)
    : message_key(Derive<32>("nightsafe 2026 message key v1", domain_secret)),
      fingerprint_key(
          Derive<32>("nightsafe 2026 fingerprint key v1", domain_secret)),
      cut_key(Derive<16>("nightsafe 2026 cut key v1", domain_secret)),
      boundary_key(Derive<16>("nightsafe 2026 boundary key v1", domain_secret)),
      gear_table(GearTable(domain_secret)) {}

Fingerprint DomainKeys::FingerprintOf(ByteView plain) const {
  return Fingerprint{KeyedHashOf(fingerprint_key.view(), plain)};
}

Secret32 DeriveDomainSecret(const Secret32& vault_secret,
                            absl::string_view domain, uint32_t domain_epoch) {
  std::string epoch;
  PutU32(domain_epoch, epoch);
  Hash32 hash =
      DeriveHash("nightsafe domain secret v1",
                 {vault_secret.view(), AsBytes(domain), AsBytes(epoch)});
  Secret32 secret{hash};
  EraseBytes(hash);
  return secret;
}

}  // namespace nightsafe
