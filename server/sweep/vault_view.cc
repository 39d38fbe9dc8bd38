#include "server/sweep/vault_view.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/crypto/keyring.h"
#include "common/order/order.h"
#include "server/catalog/registry.h"
#include "server/journal/journal_reader.h"
#include "server/vault/retention_words.h"

namespace nightsafe {

using v1::format::SweptVault;
using v1::format::VaultRecord;

namespace {

// Clocks that are set right by a little prove nothing.
constexpr absl::Duration kClockSlack = absl::Hours(1);

class Replay {
 public:
  Replay(const SweptVault& seen, const JournalIdentity& identity,
         const VaultVerifyKeys& keys)
      : seen_(seen) {
    view_.chain = JournalGenesis(identity.kind, identity.owner);
    view_.id = VaultId::FromValidBytes(identity.owner.view());
    const auto key = keys.find(view_.id);
    has_key_ = key != keys.end();
    if (has_key_) view_.state.RequireSignedCommits(view_.id, key->second);
  }

  absl::Status Take(ByteView bytes) {
    VaultRecord record;
    if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return absl::DataLossError("journal record is not a VaultRecord");
    }
    NS_RETURN_IF_ERROR(CheckTime(record));
    if (record.has_commit() && !has_key_) {
      return absl::PermissionDeniedError(absl::StrCat(
          "the server's journal has no verify key of vault ", view_.id.Hex(),
          ": who made its snapshots cannot be checked"));
    }
    NS_RETURN_IF_ERROR(view_.state.Apply(record));
    view_.chain = NextChain(view_.chain, HashOf(bytes));
    if (view_.state.records() != seen_.records()) return absl::OkStatus();
    return CheckChain();
  }

  absl::Status Finish() const {
    if (view_.state.records() >= seen_.records()) return absl::OkStatus();
    return absl::DataLossError(
        absl::StrCat("the journal has ", view_.state.records(),
                     " records, and had ", seen_.records(),
                     " when it was last "
                     "looked at: it was rewritten, or its end is lost"));
  }

  VaultView& view() { return view_; }

 private:
  absl::Status CheckChain() const {
    if (seen_.chain() == AsText(view_.chain)) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(
        "its first ", seen_.records(),
        " records are not those that were there when it was last looked at: "
        "the journal was rewritten"));
  }

  // What lets snapshots go may not pretend to be older than the last look.
  absl::Status CheckTime(const VaultRecord& record) const {
    if (view_.state.records() < seen_.records()) return absl::OkStatus();
    if (!record.has_ordered() && !record.has_tombstoned() &&
        !record.has_purged()) {
      return absl::OkStatus();
    }
    const absl::Time time = absl::FromUnixNanos(record.time_unix_ns());
    const absl::Time seen = absl::FromUnixNanos(seen_.seen_unix_ns());
    if (time >= seen - kClockSlack) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        "record ", view_.state.records() + 1, " says that it is of ",
        TimeText(time), ", and was not there at ", TimeText(seen)));
  }

  const SweptVault& seen_;
  VaultView view_;
  bool has_key_ = false;
};

absl::Status CheckInit(const VaultState& state, const VaultId& vault,
                       const std::string& name, const ServerId& server) {
  const VaultRecord::VaultInit& init = state.init();
  if (init.server_id() != server.text()) {
    return absl::PermissionDeniedError(absl::StrCat(
        "it is a vault of server ", HexEncode(AsBytes(init.server_id())),
        ", not of ", server.Hex()));
  }
  NS_ASSIGN_OR_RETURN(VerifyKey key,
                      VerifyKey::FromBytes(AsBytes(init.admin_public_key())));
  NS_RETURN_IF_ERROR(CheckServerId(server, key));
  NS_ASSIGN_OR_RETURN(VaultId id, VaultId::FromBytes(AsBytes(init.vault_id())));
  if (init.name() != name || id != vault) {
    return absl::PermissionDeniedError(absl::StrCat(
        "its first record makes vault ", init.name(), ", not ", name));
  }
  return absl::OkStatus();
}

absl::Status CheckRecords(const VaultState& state, const SweepConfig& config,
                          absl::Time now) {
  const absl::Time last = absl::FromUnixNanos(state.last_time_ns());
  if (last > now + kClockSlack) {
    return absl::FailedPreconditionError(
        absl::StrCat("its last record is of ", TimeText(last), ", the time is ",
                     TimeText(now), ": one of them is wrong"));
  }
  const RetentionState& retention = state.retention();
  if (retention.forged_records() <= config.accepted_forged_records) {
    return absl::OkStatus();
  }
  const ForgedRecord& last_forged = retention.forged().back();
  return absl::FailedPreconditionError(absl::StrCat(
      "somebody wrote into the journal: ", retention.forged_records(),
      " records that no order or policy allows, ",
      config.accepted_forged_records, " were accepted (record ",
      last_forged.number, " of ", TimeText(last_forged.time), ": ",
      last_forged.reason,
      "); look for an intruder, then set accepted_forged_records"));
}

// A pack must not go for a record that a power cut takes back.
absl::Status SyncJournal(FileSystem& fs, const std::string& directory) {
  NS_ASSIGN_OR_RETURN(auto names, fs.List(directory));
  for (const std::string& name : names) {
    if (!absl::EndsWith(name, ".seg")) continue;
    NS_ASSIGN_OR_RETURN(auto file,
                        fs.OpenForRead(absl::StrCat(directory, "/", name)));
    NS_RETURN_IF_ERROR(file->SyncData());
  }
  return fs.SyncDirectory(directory);
}

}  // namespace

absl::StatusOr<VaultVerifyKeys> ReadVaultVerifyKeys(FileSystem& fs,
                                                    const SweepConfig& config,
                                                    const Clock& clock) {
  NS_ASSIGN_OR_RETURN(
      const auto registry,
      Registry::OpenReadOnly(fs, absl::StrCat(config.data, "/server"), clock));
  VaultVerifyKeys keys;
  for (const VaultRegistration& vault : registry->Vaults()) {
    if (VaultIdOf(vault.verify_key) == vault.id) {
      keys[vault.id] = vault.verify_key;
    }
  }
  return keys;
}

absl::StatusOr<VaultView> ViewVault(FileSystem& fs, const VaultPaths& paths,
                                    const std::string& name,
                                    const SweepConfig& config,
                                    const VaultVerifyKeys& keys,
                                    const SweptVault& seen, absl::Time now) {
  NS_ASSIGN_OR_RETURN(JournalIdentity identity,
                      PeekJournalIdentity(fs, paths.journal));
  if (identity.kind != JournalKind::kVault) {
    return absl::PermissionDeniedError("its journal is none of a vault");
  }
  Replay replay(seen, identity, keys);
  NS_RETURN_IF_ERROR(ReadJournal(fs, paths.journal, identity,
                                 [&](ByteView bytes, const JournalPosition&) {
                                   return replay.Take(bytes);
                                 })
                         .status());
  NS_RETURN_IF_ERROR(replay.Finish());
  VaultView& view = replay.view();
  NS_RETURN_IF_ERROR(CheckInit(view.state, view.id, name, config.server));
  NS_RETURN_IF_ERROR(CheckRecords(view.state, config, now));
  NS_RETURN_IF_ERROR(SyncJournal(fs, paths.journal));
  return std::move(view);
}

}  // namespace nightsafe
