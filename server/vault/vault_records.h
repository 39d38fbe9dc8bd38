// The records of a vault's journal that tell of packs and generations.
#pragma once

#include "absl/strings/string_view.h"
#include "nightsafe/v1/format/journal.pb.h"
#include "nightsafe/v1/format/scrub.pb.h"
#include "server/pack/pack_writer.h"
#include "server/pack/seal.h"
#include "server/store/object_index.h"
#include "server/vault/vault_state.h"

namespace nightsafe {

// The pack is finished.
v1::format::VaultRecord SealedRecord(const SealedPack& sealed);
// Nothing behind `length` of the pack counts, nothing is appended to it.
v1::format::VaultRecord DeadRecord(const PackId& pack, uint64_t length,
                                   absl::string_view reason);
// Of what the journal promised, the first `length` bytes are left.
v1::format::VaultRecord LostRecord(const PackId& pack, uint64_t length,
                                   absl::string_view reason);
// Nothing that is needed lies in the pack of `length` bytes any more;
// `live_bytes` of it were copied.
v1::format::VaultRecord RemovedRecord(const PackId& pack, uint64_t length,
                                      uint64_t live_bytes);
// That copy of the object must not be used.
v1::format::VaultRecord QuarantineRecord(const IndexEntry& entry,
                                         absl::string_view reason);
// A good copy of that object is stored elsewhere.
v1::format::VaultRecord HealedRecord(uint32_t domain_number, const ObjectId& id,
                                     const QuarantinedCopy& copy);
// That copy was read again and is right.
v1::format::VaultRecord StandsRecord(const IndexEntry& entry);
// A scrub is done.
v1::format::VaultRecord ScrubbedRecord(const v1::format::ScrubCursor& figures);
// Closed marks of generations before the next one prove nothing.
v1::format::VaultRecord NextGeneration(const VaultState& state,
                                       absl::string_view reason);

}  // namespace nightsafe
