#include "server/vault/vault_state.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/snapshot/manifest.h"

namespace nightsafe {

using v1::format::ManifestClear;
using v1::format::VaultRecord;

const PackState* FindPack(const PackStates& states, const PackId& pack) {
  const auto it = states.find(pack);
  return it == states.end() ? nullptr : &it->second;
}

bool HasOpenCopy(const std::vector<QuarantinedCopy>& copies) {
  return std::any_of(copies.begin(), copies.end(),
                     [](const QuarantinedCopy& copy) { return !copy.healed; });
}

absl::Status VaultState::Apply(const VaultRecord& record) {
  ++records_;
  const bool goes_back = record.time_unix_ns() < last_time_ns_;
  last_time_ns_ = std::max(last_time_ns_, record.time_unix_ns());
  retention_.Advance(absl::FromUnixNanos(last_time_ns_));
  switch (record.change_case()) {
    case VaultRecord::kInit:
      if (records_ != 1) {
        retention_.Report(records_, "a second record that makes the vault");
        return absl::OkStatus();
      }
      init_ = record.init();
      retention_.Begin(record.init());
      created_ns_ = record.time_unix_ns();
      return absl::OkStatus();
    case VaultRecord::kKeyring:
      retention_.ApplyKeyring(record.keyring().sealed_keyring(), records_);
      return absl::OkStatus();
    case VaultRecord::kCommit:
      return ApplyCommit(record.commit());
    case VaultRecord::kPackSealed:
      return ApplyPackSealed(record.pack_sealed());
    case VaultRecord::kPackDead:
      return ApplyPackEnded(record.pack_dead(), record.time_unix_ns(),
                            /*lost=*/false);
    case VaultRecord::kPackLost:
      return ApplyPackEnded(record.pack_lost(), record.time_unix_ns(),
                            /*lost=*/true);
    case VaultRecord::kGeneration:
      if (record.generation().number() <= generation_) {
        return absl::DataLossError(
            absl::StrCat("generation ", record.generation().number(),
                         " after generation ", generation_));
      }
      generation_ = record.generation().number();
      return absl::OkStatus();
    case VaultRecord::kQuarantined:
      return ApplyQuarantined(record.quarantined(), record.time_unix_ns());
    case VaultRecord::kHealed:
      return ApplyHealed(record.healed());
    case VaultRecord::kScrubbed:
      last_scrub_ = {.figures = record.scrubbed(),
                     .finished_ns = record.time_unix_ns()};
      return absl::OkStatus();
    case VaultRecord::kOrdered:
    case VaultRecord::kTombstoned:
    case VaultRecord::kPurged:
      ApplyRetention(record, goes_back);
      return absl::OkStatus();
    case VaultRecord::kPackRemoved:
      return ApplyPackRemoved(record.pack_removed(), record.time_unix_ns());
    case VaultRecord::kCollected:
      last_collection_ = {.figures = record.collected(),
                          .finished_ns = record.time_unix_ns()};
      return absl::OkStatus();
    case VaultRecord::CHANGE_NOT_SET:
      break;
  }
  return absl::DataLossError(
      "journal record of a kind that this program does not know: it was "
      "written by a newer version");
}

void VaultState::ApplyRetention(const VaultRecord& record, bool goes_back) {
  if (goes_back) {
    retention_.Report(records_, "its time is before that of the record before");
  } else if (record.has_ordered()) {
    retention_.ApplyOrdered(record.ordered(), records_);
  } else if (record.has_tombstoned()) {
    retention_.ApplyTombstoned(record.tombstoned(), records_);
  } else {
    retention_.ApplyPurged(record.purged(), records_);
  }
}

absl::Status VaultState::ApplyCommit(const VaultRecord::Commit& commit) {
  NS_ASSIGN_OR_RETURN(Manifest manifest,
                      ParseManifest(AsBytes(commit.manifest())));
  if (const absl::Status made = CheckCommit(commit, manifest); !made.ok()) {
    retention_.Report(records_, made.message());
    return absl::OkStatus();
  }
  const size_t place = snapshots().size();
  if (commit.sequence() != place + 1) {
    return absl::DataLossError(absl::StrCat("commit ", commit.sequence(),
                                            " where commit ", place + 1,
                                            " was expected"));
  }
  NS_ASSIGN_OR_RETURN(SessionId session,
                      SessionId::FromBytes(AsBytes(commit.session())));
  for (const VaultRecord::PackLength& length : commit.packs()) {
    NS_ASSIGN_OR_RETURN(PackState * pack, PackOf(length.pack()));
    pack->synced_length = std::max(pack->synced_length, length.length());
  }
  SnapshotInfo info{.id = manifest.id,
                    .sequence = commit.sequence(),
                    .received = absl::FromUnixNanos(commit.received_unix_ns()),
                    .host = commit.host(),
                    .set = commit.set(),
                    .domain_number = commit.domain_number(),
                    .writer = commit.writer(),
                    .new_bytes = commit.new_bytes(),
                    .new_objects = commit.new_objects(),
                    .previous_bytes = commit.previous_bytes(),
                    .kept_bytes = commit.kept_bytes(),
                    .reached_bytes = commit.reached_bytes(),
                    .manifest = commit.manifest()};
  const ManifestClear& clear = manifest.clear;
  ApplyChain(clear, info);
  const SetName set(info.host, info.set);
  keyed_.try_emplace(set, !clear.keyed_name().empty());
  if (!clear.keyed_name().empty()) {
    // A name whose snapshot expired can be given again.
    keyed_snapshots_[set].insert_or_assign(
        clear.keyed_name(),
        KeyedSnapshot{.snapshot = manifest.id,
                      .content_id = clear.content_id(),
                      .domain_epoch = clear.certificate().domain_epoch()});
  }
  sessions_[{info.host, session}] = place;
  retention_.Add(std::move(info), !clear.keyed_name().empty());
  return absl::OkStatus();
}

absl::Status VaultState::CheckCommit(const VaultRecord::Commit& commit,
                                     const Manifest& manifest) {
  NS_RETURN_IF_ERROR(CheckSameCommit(commit, manifest));
  if (retention_.Find(manifest.id) != nullptr) {
    return absl::PermissionDeniedError(absl::StrCat(
        "snapshot ", manifest.id.Hex(), " is committed a second time"));
  }
  if (!signatures_.has_value()) return absl::OkStatus();
  return signatures_->Check(manifest);
}

void VaultState::ApplyChain(const ManifestClear& clear, SnapshotInfo& info) {
  const bool begins =
      clear.chain_counter() == 1 && clear.previous_manifest().empty();
  auto [it, first] = chains_.try_emplace(
      {info.host, info.set, clear.certificate().host_epoch()});
  Chain& chain = it->second;
  const bool continues =
      first ? begins
            : clear.chain_counter() == chain.counter + 1 &&
                  clear.previous_manifest() == chain.head.text();
  info.restarted = clear.restarted() && begins && !first;
  info.forked = !continues && !info.restarted;
  chain = {.head = info.id, .counter = clear.chain_counter()};
}

absl::Status VaultState::ApplyPackSealed(
    const VaultRecord::PackSealed& sealed) {
  NS_ASSIGN_OR_RETURN(PackState * pack, PackOf(sealed.pack()));
  if (sealed.toc_hash().size() != pack->toc_hash.size()) {
    return absl::DataLossError("hash of a pack's table has the wrong length");
  }
  const ByteView hash = AsBytes(sealed.toc_hash());
  if (pack->removed) {
    // It was put back, or never taken away. Another pack of that name was not.
    if (!pack->sealed || pack->synced_length != sealed.length() ||
        !std::equal(hash.begin(), hash.end(), pack->toc_hash.begin())) {
      retention_.Report(records_,
                        "a pack that was removed is finished as another one");
      return absl::OkStatus();
    }
    pack->removed = false;
  }
  // Of a lost one: it was put back.
  if (std::exchange(pack->lost, false) && !pack->dead) {
    pack->ended_reason.clear();
  }
  pack->sealed = true;
  pack->synced_length = sealed.length();
  pack->objects = sealed.objects();
  std::copy(hash.begin(), hash.end(), pack->toc_hash.begin());
  pack->seal_order = ++packs_sealed_;
  if (sealed.copies()) pack->first_sequence = 0;
  return absl::OkStatus();
}

absl::Status VaultState::ApplyPackEnded(const VaultRecord::PackEnded& ended,
                                        int64_t time_ns, bool lost) {
  NS_ASSIGN_OR_RETURN(PackState * pack, PackOf(ended.pack()));
  (lost ? pack->lost : pack->dead) = true;
  pack->synced_length = ended.length();
  pack->ended_reason = ended.reason();
  pack->ended_ns = time_ns;
  return absl::OkStatus();
}

absl::Status VaultState::ApplyPackRemoved(
    const VaultRecord::PackRemoved& removed, int64_t time_ns) {
  NS_ASSIGN_OR_RETURN(PackId id, PackId::FromBytes(AsBytes(removed.pack())));
  const auto pack = packs_.find(id);
  if (pack == packs_.end()) {
    return absl::DataLossError("a pack is removed that never was");
  }
  pack->second.removed = true;
  pack->second.ended_ns = time_ns;
  return absl::OkStatus();
}

absl::Status VaultState::ApplyQuarantined(const VaultRecord::Quarantine& what,
                                          int64_t time_ns) {
  NS_ASSIGN_OR_RETURN(ObjectId id,
                      ObjectId::FromBytes(AsBytes(what.object_id())));
  NS_ASSIGN_OR_RETURN(PackId pack, PackId::FromBytes(AsBytes(what.pack())));
  if (IsQuarantined(what.domain_number(), id, pack, what.offset())) {
    return absl::OkStatus();
  }
  std::vector<QuarantinedCopy>& copies =
      quarantine_[{what.domain_number(), id}];
  if (!HasOpenCopy(copies)) ++open_findings_;
  copies.push_back({.pack = pack,
                    .offset = what.offset(),
                    .is_manifest = what.is_manifest(),
                    .since_ns = time_ns,
                    .reason = what.reason()});
  return absl::OkStatus();
}

absl::Status VaultState::ApplyHealed(const VaultRecord::Quarantine& what) {
  NS_ASSIGN_OR_RETURN(ObjectId id,
                      ObjectId::FromBytes(AsBytes(what.object_id())));
  NS_ASSIGN_OR_RETURN(PackId pack, PackId::FromBytes(AsBytes(what.pack())));
  const auto it = quarantine_.find({what.domain_number(), id});
  if (it == quarantine_.end()) return absl::OkStatus();
  std::vector<QuarantinedCopy>& copies = it->second;
  const bool was_open = HasOpenCopy(copies);
  // Any good copy heals the object: the others are as harmless as this one.
  for (QuarantinedCopy& copy : copies) copy.healed = true;
  if (what.copy_stands()) {
    std::erase_if(copies, [&](const QuarantinedCopy& copy) {
      return copy.pack == pack && copy.offset == what.offset();
    });
    if (copies.empty()) quarantine_.erase(it);
  }
  if (was_open) {
    --open_findings_;
    ++healed_;
  }
  return absl::OkStatus();
}

absl::StatusOr<PackState*> VaultState::PackOf(const std::string& id) {
  NS_ASSIGN_OR_RETURN(PackId pack, PackId::FromBytes(AsBytes(id)));
  auto [it, added] = packs_.try_emplace(pack);
  if (added) it->second.first_sequence = snapshots().size() + 1;
  return &it->second;
}

const SnapshotInfo* VaultState::FindSession(const std::string& host,
                                            const SessionId& session) const {
  const auto it = sessions_.find({host, session});
  return it == sessions_.end() ? nullptr : &snapshots()[it->second];
}

std::optional<bool> VaultState::IsKeyed(const std::string& host,
                                        const std::string& set) const {
  const auto it = keyed_.find(SetName(host, set));
  if (it == keyed_.end()) return std::nullopt;
  return it->second;
}

const KeyedSnapshot* VaultState::FindKeyed(const std::string& host,
                                           const std::string& set,
                                           const std::string& name) const {
  const auto names = keyed_snapshots_.find(SetName(host, set));
  if (names == keyed_snapshots_.end()) return nullptr;
  const auto it = names->second.find(name);
  if (it == names->second.end()) return nullptr;
  const SnapshotInfo* info = retention_.Find(it->second.snapshot);
  const bool live = info != nullptr && info->life == SnapshotLife::kLive;
  return live ? &it->second : nullptr;
}

bool VaultState::IsQuarantined(uint32_t domain_number, const ObjectId& id,
                               const PackId& pack, uint64_t offset) const {
  const auto it = quarantine_.find({domain_number, id});
  if (it == quarantine_.end()) return false;
  return std::any_of(
      it->second.begin(), it->second.end(), [&](const QuarantinedCopy& copy) {
        return copy.pack == pack && (copy.offset == offset || copy.offset == 0);
      });
}

}  // namespace nightsafe
