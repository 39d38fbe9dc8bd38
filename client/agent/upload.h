// Brings sealed objects to the server: offers their ids, puts what is wanted,
// commits, and makes a broken stream again.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/rpc/connection.h"
#include "client/rpc/deposit_client.h"
#include "common/object/sealer.h"

namespace nightsafe {

struct UploadOptions {
  DepositOpen open;
  int max_reconnects = 0;  // without progress between them
  absl::Duration first_wait = absl::Seconds(1);
};

struct UploadFigures {
  uint64_t put_objects = 0;
  uint64_t sent_bytes = 0;
};

using CommitReply =
    std::variant<CommittedReply, SameReply, ConflictReply, IncompleteReply>;

// Thread-safe. One thread writes to the stream; what is not stored yet is held
// in memory, within a bound, and offered again on a new stream of the same
// session. The first error that is not worth a retry is final: every call
// returns it.
class Upload {
 public:
  // Opens the session; does not try twice. Borrows the connection.
  static absl::StatusOr<std::unique_ptr<Upload>> Start(
      const Connection& connection, UploadOptions options);
  // Cancels unless Finish was called.
  ~Upload();

  // Blocks while too much is held.
  absl::Status Submit(SealedObject object);
  // Waits until all that was submitted is stored, then commits. May be called
  // again after IncompleteReply.
  absl::StatusOr<CommitReply> Commit(std::string manifest);
  // Ends the stream in order.
  void Finish();
  // Makes every blocked and later call return CANCELLED.
  void Cancel();

  UploadFigures figures() const;

 private:
  struct PutBatch {
    uint64_t number = 0;
    uint64_t bytes = 0;
    std::vector<SealedObject> objects;
  };
  enum class Step { kEvents, kEnded, kOffer, kPut, kCommit, kQuit };

  Upload(const Connection& connection, UploadOptions options);
  absl::Status OpenStream();
  void Loop();
  Step NextStep();
  bool CanOffer() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool CanPut() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool CanCommit() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Holds() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool NeedsStream() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeEvents();
  absl::Status Take(DepositEvent event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeWanted(const WantedReply& reply)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeStored(const StoredReply& reply)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SendOffer();
  absl::Status SendPut();
  absl::Status SendCommit();
  absl::Status Reconnect();
  void OfferAgain() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fail(const absl::Status& status);

  const Connection& connection_;
  const UploadOptions options_;
  std::thread thread_;

  // Of the writing thread alone.
  std::unique_ptr<DepositClient> stream_;
  uint64_t last_offer_ = 0;
  uint64_t last_put_ = 0;
  int reconnects_ = 0;

  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  DepositLimits limits_ ABSL_GUARDED_BY(mutex_);
  std::deque<DepositEvent> events_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> ended_ ABSL_GUARDED_BY(mutex_);
  // An object moves down these four.
  std::deque<SealedObject> unoffered_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, std::vector<SealedObject>> offered_
      ABSL_GUARDED_BY(mutex_);
  std::deque<SealedObject> wanted_ ABSL_GUARDED_BY(mutex_);
  std::deque<PutBatch> unstored_ ABSL_GUARDED_BY(mutex_);
  uint64_t held_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t unoffered_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t wanted_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t unstored_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<std::string> manifest_ ABSL_GUARDED_BY(mutex_);
  bool commit_sent_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<CommitReply> reply_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  bool quit_ ABSL_GUARDED_BY(mutex_) = false;
  UploadFigures figures_ ABSL_GUARDED_BY(mutex_);
  uint64_t sent_before_ ABSL_GUARDED_BY(mutex_) = 0;  // by earlier streams
};

}  // namespace nightsafe
