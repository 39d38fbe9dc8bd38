#include "server/vault/vault_journal.h"

#include <algorithm>

#include "common/base/status.h"

namespace nightsafe {

using v1::format::VaultRecord;

namespace {

// A vault's journal is small and every commit needs room in it.
constexpr JournalOptions kVaultJournalOptions{.allocation_bytes = 1 << 20,
                                              .segment_bytes = 16 << 20};

JournalIdentity IdentityOf(const VaultId& vault) {
  return {.kind = JournalKind::kVault, .owner = JournalOwnerOf(vault)};
}

absl::Status Replay(ByteView bytes, VaultState& state) {
  VaultRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("journal record is not a VaultRecord");
  }
  return state.Apply(record);
}

}  // namespace

absl::Status VaultJournal::Create(FileSystem& fs, absl::string_view directory,
                                  const VaultRegistration& vault,
                                  const ServerId& server,
                                  const VerifyKey& admin_key,
                                  ByteView sealed_keyring, const Clock& clock) {
  std::vector<std::string> records;
  VaultRecord record;
  record.set_time_unix_ns(absl::ToUnixNanos(clock.Now()));
  record.mutable_init()->set_name(vault.name);
  record.mutable_init()->set_vault_id(std::string(vault.id.text()));
  record.mutable_init()->set_admin_public_key(std::string(admin_key.text()));
  record.mutable_init()->set_server_id(std::string(server.text()));
  records.push_back(record.SerializeAsString());
  if (!sealed_keyring.empty()) {
    record.mutable_keyring()->set_sealed_keyring(
        std::string(AsText(sealed_keyring)));
    records.push_back(record.SerializeAsString());
  }
  return CreateJournal(fs, directory, IdentityOf(vault.id),
                       kVaultJournalOptions, records);
}

absl::StatusOr<std::unique_ptr<VaultJournal>> VaultJournal::Open(
    FileSystem& fs, absl::string_view directory, const VaultRegistration& vault,
    const Clock& clock) {
  std::unique_ptr<VaultJournal> journal(new VaultJournal(clock));
  VaultState state;
  state.RequireSignedCommits(vault.id, vault.verify_key);
  NS_ASSIGN_OR_RETURN(
      std::unique_ptr<JournalWriter> writer,
      JournalWriter::Open(fs, directory, IdentityOf(vault.id),
                          kVaultJournalOptions,
                          [&](ByteView record, const JournalPosition&) {
                            return Replay(record, state);
                          }));
  journal->found_torn_tail_ = writer->found_torn_tail();
  absl::MutexLock write_lock(&journal->write_mutex_);
  absl::MutexLock state_lock(&journal->state_mutex_);
  journal->writer_ = std::move(writer);
  journal->state_ = std::move(state);
  return journal;
}

absl::StatusOr<std::unique_ptr<VaultJournal>> VaultJournal::OpenReadOnly(
    FileSystem& fs, absl::string_view directory, const VaultRegistration& vault,
    const Clock& clock) {
  std::unique_ptr<VaultJournal> journal(new VaultJournal(clock));
  VaultState state;
  state.RequireSignedCommits(vault.id, vault.verify_key);
  NS_ASSIGN_OR_RETURN(JournalContents contents,
                      ReadJournal(fs, directory, IdentityOf(vault.id),
                                  [&](ByteView record, const JournalPosition&) {
                                    return Replay(record, state);
                                  }));
  journal->found_torn_tail_ = contents.torn_tail;
  absl::MutexLock lock(&journal->state_mutex_);
  journal->state_ = std::move(state);
  journal->failure_ =
      absl::FailedPreconditionError("the vault is open for reading only");
  return journal;
}

absl::Status VaultJournal::Update(const Change& change) {
  absl::MutexLock write_lock(&write_mutex_);
  NS_RETURN_IF_ERROR(failure());
  int64_t now_ns = absl::ToUnixNanos(clock_.Now());
  std::vector<VaultRecord> records;
  {
    absl::ReaderMutexLock lock(&state_mutex_);
    now_ns = std::max(now_ns, state_.last_time_ns() + 1);
    NS_ASSIGN_OR_RETURN(records, change(state_, now_ns));
  }
  if (records.empty()) return absl::OkStatus();
  return Append(std::move(records), now_ns);
}

absl::Status VaultJournal::Append(std::vector<VaultRecord> records,
                                  int64_t now_ns) {
  std::vector<std::string> encoded;
  for (VaultRecord& record : records) {
    record.set_time_unix_ns(now_ns);
    encoded.push_back(record.SerializeAsString());
  }
  absl::Status status = writer_->Append(encoded);
  absl::MutexLock lock(&state_mutex_);
  for (size_t i = 0; status.ok() && i < records.size(); ++i) {
    status = state_.Apply(records[i]);
    if (!status.ok()) failure_ = status;
  }
  if (!writer_->failure().ok()) failure_ = writer_->failure();
  return status;
}

uint64_t VaultJournal::generation() const {
  return Read([](const VaultState& state) { return state.generation(); });
}

uint64_t VaultJournal::records() const {
  return Read([](const VaultState& state) { return state.records(); });
}

absl::Status VaultJournal::failure() const {
  absl::ReaderMutexLock lock(&state_mutex_);
  return failure_;
}

}  // namespace nightsafe
