#include "server/vault/vault_records.h"

namespace nightsafe {

using v1::format::VaultRecord;

namespace {

void SetEnded(const PackId& pack, uint64_t length, absl::string_view reason,
              VaultRecord::PackEnded& ended) {
  ended.set_pack(std::string(pack.text()));
  ended.set_length(length);
  ended.set_reason(std::string(reason));
}

}  // namespace

VaultRecord SealedRecord(const SealedPack& sealed) {
  VaultRecord record;
  VaultRecord::PackSealed& pack = *record.mutable_pack_sealed();
  pack.set_pack(std::string(sealed.toc.pack.text()));
  pack.set_length(sealed.toc.pack_length);
  pack.set_objects(static_cast<uint32_t>(sealed.toc.entries.size()));
  pack.set_toc_hash(std::string(AsText(sealed.toc_hash)));
  return record;
}

VaultRecord DeadRecord(const PackId& pack, uint64_t length,
                       absl::string_view reason) {
  VaultRecord record;
  SetEnded(pack, length, reason, *record.mutable_pack_dead());
  return record;
}

VaultRecord LostRecord(const PackId& pack, uint64_t length,
                       absl::string_view reason) {
  VaultRecord record;
  SetEnded(pack, length, reason, *record.mutable_pack_lost());
  return record;
}

VaultRecord QuarantineRecord(const IndexEntry& entry,
                             absl::string_view reason) {
  VaultRecord record;
  VaultRecord::Quarantine& what = *record.mutable_quarantined();
  what.set_domain_number(entry.domain_number);
  what.set_object_id(std::string(entry.id.text()));
  what.set_pack(std::string(entry.location.pack.text()));
  what.set_reason(std::string(reason));
  return record;
}

VaultRecord NextGeneration(const VaultState& state, absl::string_view reason) {
  VaultRecord record;
  record.mutable_generation()->set_number(state.generation() + 1);
  record.mutable_generation()->set_reason(std::string(reason));
  return record;
}

}  // namespace nightsafe
