// Keys of one dedup domain, all derived from the domain secret.
#pragma once

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/crypto/secret.h"

namespace nightsafe {

// Immutable and thread-safe once made.
struct DomainKeys {
  explicit DomainKeys(const Secret32& domain_secret);

  Secret32 message_key;      // objects: key of each message
  Secret32 fingerprint_key;  // plaintexts: Fingerprint
  Secret<16> cut_key;        // SipHash of gear states
  Secret<16> boundary_key;   // SipHash of path keys and object ids in trees
  std::array<uint64_t, 256> gear_table;

  Fingerprint FingerprintOf(ByteView plain) const;
};

// domain_secret = derive(vault secret, domain, domain epoch).
Secret32 DeriveDomainSecret(const Secret32& vault_secret,
                            absl::string_view domain, uint32_t domain_epoch);

}  // namespace nightsafe
