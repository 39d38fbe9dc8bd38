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

void SetCopy(uint32_t domain_number, const ObjectId& id, const PackId& pack,
             uint64_t offset, VaultRecord::Quarantine& what) {
  what.set_domain_number(domain_number);
  what.set_object_id(std::string(id.text()));
  what.set_pack(std::string(pack.text()));
  what.set_offset(offset);
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

VaultRecord RemovedRecord(const PackId& pack, uint64_t length,
                          uint64_t live_bytes) {
  VaultRecord record;
  VaultRecord::PackRemoved& removed = *record.mutable_pack_removed();
  removed.set_pack(std::string(pack.text()));
  removed.set_length(length);
  removed.set_live_bytes(live_bytes);
  return record;
}

VaultRecord QuarantineRecord(const IndexEntry& entry,
                             absl::string_view reason) {
  VaultRecord record;
  VaultRecord::Quarantine& what = *record.mutable_quarantined();
  SetCopy(entry.domain_number, entry.id, entry.location.pack,
          entry.location.offset, what);
  what.set_is_manifest(entry.location.kind == ObjectKind::kManifest);
  what.set_reason(std::string(reason));
  return record;
}

VaultRecord HealedRecord(uint32_t domain_number, const ObjectId& id,
                         const QuarantinedCopy& copy) {
  VaultRecord record;
  SetCopy(domain_number, id, copy.pack, copy.offset, *record.mutable_healed());
  return record;
}

VaultRecord StandsRecord(const IndexEntry& entry) {
  VaultRecord record;
  VaultRecord::Quarantine& what = *record.mutable_healed();
  SetCopy(entry.domain_number, entry.id, entry.location.pack,
          entry.location.offset, what);
  what.set_copy_stands(true);
  return record;
}

VaultRecord ScrubbedRecord(const v1::format::ScrubCursor& figures) {
  VaultRecord record;
  VaultRecord::Scrubbed& scrubbed = *record.mutable_scrubbed();
  scrubbed.set_started_unix_ns(figures.started_unix_ns());
  scrubbed.set_packs(figures.packs());
  scrubbed.set_objects(figures.objects());
  scrubbed.set_bytes(figures.bytes());
  scrubbed.set_wrong(figures.wrong());
  scrubbed.set_unreadable(figures.unreadable());
  scrubbed.set_active_ns(figures.active_ns());
  return record;
}

VaultRecord NextGeneration(const VaultState& state, absl::string_view reason) {
  VaultRecord record;
  record.mutable_generation()->set_number(state.generation() + 1);
  record.mutable_generation()->set_reason(std::string(reason));
  return record;
}

}  // namespace nightsafe
