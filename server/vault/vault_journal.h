// A vault's journal and what it says: the one place where the vault's state
// changes. What is in state() is on the disk.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/io/file_system.h"
#include "server/catalog/registry.h"
#include "server/journal/journal_writer.h"
#include "server/vault/vault_state.h"

namespace nightsafe {

// Thread-safe.
class VaultJournal {
 public:
  // ALREADY_EXISTS if there is one.
  static absl::Status Create(FileSystem& fs, absl::string_view directory,
                             const VaultRegistration& vault,
                             const ServerId& server, const VerifyKey& admin_key,
                             ByteView sealed_keyring, const Clock& clock);
  // Replays; errors as JournalWriter::Open. Borrows fs and clock.
  static absl::StatusOr<std::unique_ptr<VaultJournal>> Open(
      FileSystem& fs, absl::string_view directory,
      const VaultRegistration& vault, const Clock& clock);
  // Writes nothing and refuses every change.
  static absl::StatusOr<std::unique_ptr<VaultJournal>> OpenReadOnly(
      FileSystem& fs, absl::string_view directory,
      const VaultRegistration& vault, const Clock& clock);

  // Sees the state, with the time the records will bear, and returns the
  // records to append: none means nothing is to be done.
  using Change =
      std::function<absl::StatusOr<std::vector<v1::format::VaultRecord>>(
          const VaultState&, int64_t now_ns)>;
  // One change at a time; its records are durable and in the state when OK.
  // Holds its own lock during the I/O; Read waits only for the state's update.
  // After an error other than RESOURCE_EXHAUSTED, or one of `change`, the
  // journal is read-only until restarted.
  absl::Status Update(const Change& change) ABSL_LOCKS_EXCLUDED(write_mutex_);

  template <typename F>
  auto Read(F take) const ABSL_LOCKS_EXCLUDED(state_mutex_) {
    absl::ReaderMutexLock lock(&state_mutex_);
    return take(static_cast<const VaultState&>(state_));
  }
  uint64_t generation() const;
  uint64_t records() const;
  bool found_torn_tail() const { return found_torn_tail_; }
  // OK, or why changes are refused.
  absl::Status failure() const;

 private:
  explicit VaultJournal(const Clock& clock) : clock_(clock) {}
  absl::Status Append(std::vector<v1::format::VaultRecord> records,
                      int64_t now_ns)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);

  const Clock& clock_;
  bool found_torn_tail_ = false;
  absl::Mutex write_mutex_ ABSL_ACQUIRED_BEFORE(state_mutex_);
  std::unique_ptr<JournalWriter> writer_ ABSL_GUARDED_BY(write_mutex_);
  mutable absl::Mutex state_mutex_;
  VaultState state_ ABSL_GUARDED_BY(state_mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(state_mutex_);
};

}  // namespace nightsafe
