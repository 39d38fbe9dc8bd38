#include "server/vault/vault.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "common/base/kill_point.h"
#include "common/base/limits.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {

using v1::format::VaultRecord;

namespace {

constexpr mode_t kDirectoryMode = 0750;
constexpr size_t kFetchBatch = 1024;

}  // namespace

absl::Status Vault::Create(FileSystem& fs, const VaultPaths& paths,
                           const VaultRegistration& vault,
                           const ServerId& server, const VerifyKey& admin_key,
                           ByteView sealed_keyring, const Clock& clock) {
  for (const std::string& directory :
       {paths.open, paths.sealed, paths.removed}) {
    NS_RETURN_IF_ERROR(MakeDirectoriesDurably(fs, directory, kDirectoryMode));
  }
  NS_KILL_POINT("vault.directories-made");
  return VaultJournal::Create(fs, paths.journal, vault, server, admin_key,
                              sealed_keyring, clock);
}

Vault::Vault(FileSystem& fs, const VaultPaths& paths,
             const VaultRegistration& vault, ObjectIndex& index,
             std::unique_ptr<VaultJournal> journal, const StoreOptions& options)
    : fs_(fs),
      paths_(paths),
      registration_(vault),
      index_(index),
      journal_(std::move(journal)),
      store_(std::make_unique<ObjectStore>(fs, paths_, vault.id, index,
                                           *journal_, options)) {}

Vault::~Vault() = default;

absl::StatusOr<std::unique_ptr<Vault>> Vault::Open(
    FileSystem& fs, const VaultPaths& paths, const VaultRegistration& vault,
    const Clock& clock, ObjectIndex& index, const StoreOptions& options,
    StartupReport& report, const IndexProgress& progress) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<VaultJournal> journal,
                      VaultJournal::Open(fs, paths.journal, vault.id, clock));
  NS_RETURN_IF_ERROR(
      RecoverVault(fs, paths, vault, index, *journal, report, progress));
  return std::unique_ptr<Vault>(
      new Vault(fs, paths, vault, index, std::move(journal), options));
}

absl::StatusOr<std::unique_ptr<Vault>> Vault::OpenReadOnly(
    FileSystem& fs, const VaultPaths& paths, const VaultRegistration& vault,
    const Clock& clock, ObjectIndex& index, StartupReport& report) {
  NS_ASSIGN_OR_RETURN(
      std::unique_ptr<VaultJournal> journal,
      VaultJournal::OpenReadOnly(fs, paths.journal, vault.id, clock));
  NS_RETURN_IF_ERROR(
      IndexVault(fs, paths, vault, index, *journal, report, {}).status());
  return std::unique_ptr<Vault>(
      new Vault(fs, paths, vault, index, std::move(journal), StoreOptions{}));
}

absl::StatusOr<std::unique_ptr<DepositSession>> Vault::OpenSession(
    const HostRegistration& host, absl::string_view set,
    const SessionId& session) {
  NS_RETURN_IF_ERROR(ValidateName("set", set));
  NS_RETURN_IF_ERROR(refusal_);
  if (const std::string reason = read_only_reason(); !reason.empty()) {
    return absl::FailedPreconditionError(reason);
  }
  if (host.vault != registration_.name || host.domain_number == 0) {
    return absl::PermissionDeniedError(absl::StrCat(
        "host ", host.name, " is not of vault ", registration_.name));
  }
  open_sessions_.fetch_add(1);
  return std::make_unique<DepositSession>(
      *store_, *journal_, registration_, host, set, session,
      [this] { open_sessions_.fetch_sub(1); });
}

std::vector<SnapshotInfo> Vault::Snapshots(const SnapshotFilter& filter) const {
  std::vector<SnapshotInfo> found;
  journal_->Read([&](const VaultState& state) {
    for (const SnapshotInfo& info : state.snapshots()) {
      if (!filter.host.empty() && info.host != filter.host) continue;
      if (!filter.set.empty() && info.set != filter.set) continue;
      found.push_back(info);
    }
  });
  return found;
}

std::vector<SetSummary> Vault::Sets() const {
  std::map<std::pair<std::string, std::string>, SetSummary> sets;
  journal_->Read([&](const VaultState& state) {
    for (const SnapshotInfo& info : state.snapshots()) {
      SetSummary& summary = sets[{info.host, info.set}];
      ++summary.snapshots;
      // Times rise with the sequence.
      summary.last_received = info.received;
      summary.forked |= info.forked;
      summary.restarted |= info.restarted;
    }
  });
  std::vector<SetSummary> summaries;
  for (auto& [name, summary] : sets) {
    std::tie(summary.host, summary.set) = name;
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

absl::Status Vault::Fetch(
    uint32_t domain_number, const std::vector<ObjectId>& ids,
    const std::function<absl::Status(FetchedObject)>& take) {
  for (size_t begin = 0; begin < ids.size(); begin += kFetchBatch) {
    const std::span<const ObjectId> batch = std::span(ids).subspan(
        begin, std::min(kFetchBatch, ids.size() - begin));
    NS_ASSIGN_OR_RETURN(auto found, store_->Find(domain_number, batch));
    std::vector<IndexEntry> present;
    for (size_t i = 0; i < batch.size(); ++i) {
      if (found[i]) {
        present.push_back({domain_number, batch[i], *found[i]});
        continue;
      }
      NS_RETURN_IF_ERROR(take({.id = batch[i],
                               .status = absl::NotFoundError(absl::StrCat(
                                   "object ", batch[i].Hex(), " is absent"))}));
    }
    std::sort(present.begin(), present.end(), [](const auto& a, const auto& b) {
      return std::pair(a.location.pack, a.location.offset) <
             std::pair(b.location.pack, b.location.offset);
    });
    for (const IndexEntry& entry : present) {
      FetchedObject object{.id = entry.id};
      absl::StatusOr<std::string> bytes =
          store_->Read(entry.id, entry.location);
      object.status = bytes.status();
      if (bytes.ok()) object.bytes = *std::move(bytes);
      NS_RETURN_IF_ERROR(take(std::move(object)));
    }
  }
  return absl::OkStatus();
}

std::string Vault::sealed_keyring() const {
  return journal_->Read(
      [](const VaultState& state) { return state.sealed_keyring(); });
}

absl::Status Vault::StoreKeyring(ByteView sealed_keyring) {
  return journal_->Update([&](const VaultState&, int64_t) {
    VaultRecord record;
    record.mutable_keyring()->set_sealed_keyring(
        std::string(AsText(sealed_keyring)));
    return std::vector<VaultRecord>{record};
  });
}

absl::StatusOr<std::vector<ScrubProblem>> Vault::Scrub(
    const std::function<absl::Status(const ScrubProgress&)>& progress) {
  return ScrubVault({.fs = fs_,
                     .paths = paths_,
                     .vault = registration_.id,
                     .index = index_,
                     .journal = *journal_,
                     .store = *store_},
                    progress);
}

VaultFigures Vault::figures() const {
  VaultFigures figures;
  const auto [objects, bytes] = store_->UnsealedFigures();
  figures.stored_objects = objects;
  figures.stored_bytes = bytes;
  figures.open_sessions = open_sessions_.load();
  journal_->Read([&](const VaultState& state) {
    figures.snapshots = state.snapshots().size();
    figures.generation = state.generation();
    for (const auto& [pack, pack_state] : state.packs()) {
      if (!pack_state.sealed) continue;
      figures.stored_objects += pack_state.objects;
      figures.stored_bytes += pack_state.synced_length;
    }
  });
  return figures;
}

std::string Vault::read_only_reason() const {
  const absl::Status failure = store_->failure();
  if (failure.ok()) return "";
  return absl::StrCat("vault ", registration_.name,
                      " is read-only: ", failure.message());
}

absl::Status Vault::Close() { return store_->SealAll(); }

}  // namespace nightsafe
