#include "server/service/convert.h"

#include <algorithm>
#include <variant>

#include "common/snapshot/manifest.h"

namespace nightsafe {
namespace {

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

std::string ToString(const SnapshotId& id) { return std::string(id.text()); }

const char* LifeName(SnapshotLife life) {
  switch (life) {
    case SnapshotLife::kLive:
      return "live";
    case SnapshotLife::kExpired:
      return "expired";
    case SnapshotLife::kPurged:
      break;
  }
  return "purged";
}

}  // namespace

absl::StatusOr<std::vector<ObjectId>> ToObjectIds(absl::string_view ids,
                                                  size_t limit) {
  if (ids.empty() || ids.size() % ObjectId::kSize != 0 ||
      ids.size() / ObjectId::kSize > limit) {
    return absl::InvalidArgumentError(
        absl::StrCat("ids of ", ids.size(), " bytes; 1 to ", limit, " ids of ",
                     ObjectId::kSize, " bytes are allowed"));
  }
  std::vector<ObjectId> result;
  result.reserve(ids.size() / ObjectId::kSize);
  for (size_t at = 0; at < ids.size(); at += ObjectId::kSize) {
    result.push_back(ObjectId::FromValidBytes(AsBytes(ids.substr(at))));
  }
  return result;
}

v1::DepositReply ToReply(const CommitOutcome& outcome) {
  v1::DepositReply reply;
  std::visit(
      Overloaded{
          [&](const Committed& committed) {
            auto& message = *reply.mutable_committed();
            message.set_snapshot(ToString(committed.snapshot));
            message.set_received_unix_ns(absl::ToUnixNanos(committed.received));
            message.set_sequence(committed.sequence);
          },
          [&](const SameContent& same) {
            auto& message = *reply.mutable_same();
            message.set_snapshot(ToString(same.snapshot));
            message.set_domain_epoch_changed(same.domain_epoch_changed);
          },
          [&](const ConflictingContent& conflict) {
            reply.mutable_conflict()->set_snapshot(ToString(conflict.snapshot));
          },
          [&](const Incomplete& incomplete) {
            auto& message = *reply.mutable_incomplete();
            for (const ObjectId& id : incomplete.missing) {
              AppendBytes(id.view(), *message.mutable_missing());
            }
            message.set_more(incomplete.more);
          }},
      outcome);
  return reply;
}

v1::SnapshotRecord ToRecord(const SnapshotInfo& snapshot) {
  v1::SnapshotRecord record;
  record.set_manifest(snapshot.manifest);
  record.set_sequence(snapshot.sequence);
  record.set_received_unix_ns(absl::ToUnixNanos(snapshot.received));
  record.set_domain_number(snapshot.domain_number);
  record.set_new_bytes(snapshot.new_bytes);
  if (snapshot.life == SnapshotLife::kLive) return record;
  record.set_life(snapshot.life == SnapshotLife::kExpired
                      ? v1::SnapshotRecord::EXPIRED
                      : v1::SnapshotRecord::PURGED);
  record.set_expired_unix_ns(absl::ToUnixNanos(snapshot.expired_at));
  return record;
}

v1::AdminSnapshot ToAdminSnapshot(const SnapshotInfo& snapshot) {
  v1::AdminSnapshot record;
  record.set_snapshot(ToString(snapshot.id));
  record.set_host(snapshot.host);
  record.set_set(snapshot.set);
  record.set_sequence(snapshot.sequence);
  record.set_received_unix_ns(absl::ToUnixNanos(snapshot.received));
  record.set_new_bytes(snapshot.new_bytes);
  record.set_life(LifeName(snapshot.life));
  if (snapshot.life != SnapshotLife::kLive) {
    record.set_expired_unix_ns(absl::ToUnixNanos(snapshot.expired_at));
  }
  if (snapshot.forked) record.add_flags("forked");
  if (snapshot.restarted) record.add_flags("restarted");
  const auto manifest = ParseManifest(AsBytes(snapshot.manifest));
  if (!manifest.ok()) {
    record.add_flags("unreadable");
    return record;
  }
  record.set_rounded_entries(manifest->clear.rounded_entries());
  record.set_rounded_bytes(manifest->clear.rounded_bytes());
  record.set_unreadable_entries(manifest->clear.unreadable_entries());
  record.set_keyed_name(manifest->clear.keyed_name());
  return record;
}

v1::ReaderRecord ToRecord(const ReaderRegistration& reader) {
  v1::ReaderRecord record;
  record.set_name(reader.name);
  for (const std::string& vault : reader.vaults) record.add_vaults(vault);
  record.set_enrolled(reader.enrolled);
  record.set_revoked(reader.revoked);
  if (reader.enrolled) {
    record.set_certificate_expires_unix_ns(
        absl::ToUnixNanos(reader.certificate_expires));
  }
  return record;
}

v1::HostRecord ToRecord(const HostRegistration& host,
                        const std::vector<SetSummary>& sets) {
  v1::HostRecord record;
  record.set_vault(host.vault);
  record.set_name(host.name);
  record.set_enrolled(host.enrolled);
  record.set_revoked(host.revoked);
  if (host.enrolled) {
    record.set_certificate_expires_unix_ns(
        absl::ToUnixNanos(host.certificate_expires));
  }
  uint64_t snapshots = 0;
  uint64_t expired = 0;
  bool forked = false;
  bool restarted = false;
  int64_t last = 0;
  for (const SetSummary& set : sets) {
    if (set.host != host.name) continue;
    snapshots += set.snapshots;
    expired += set.expired;
    last = std::max(last, absl::ToUnixNanos(set.last_received));
    forked |= set.forked;
    restarted |= set.restarted;
  }
  record.set_snapshots(snapshots);
  record.set_expired(expired);
  record.set_last_commit_unix_ns(last);
  if (forked) record.add_flags("forked");
  if (restarted) record.add_flags("restarted");
  return record;
}

}  // namespace nightsafe
