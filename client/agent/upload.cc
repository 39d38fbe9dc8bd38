#include "client/agent/upload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/kill_point.h"
#include "common/base/limits.h"
#include "common/base/retry_after.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

// All that waits for an answer, replays included.
constexpr uint64_t kMaxHeldBytes = 20 << 20;
// An offer that waits for more ids costs a round trip; one per object costs
// messages. Offer at once when the server has nothing to answer.
constexpr uint64_t kOfferBytes = 2 << 20;
constexpr uint64_t kPutBytes = 1 << 20;
constexpr uint64_t kMaxPutBytes = 4 << 20;
constexpr absl::Duration kLongestWait = absl::Minutes(1);

// What a server may ask a running backup to wait for; for longer it ends, and a
// later run goes on.
constexpr absl::Duration kPatience = absl::Minutes(10);

bool IsAskedToWait(const absl::Status& status) {
  const std::optional<absl::Duration> wait = RetryAfter(status);
  return absl::IsResourceExhausted(status) && wait.has_value() &&
         *wait <= kPatience;
}

bool WorthARetry(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsCancelled(status) ||
         IsAskedToWait(status);
}

absl::Status Broken(absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat("the server broke the protocol: ", what));
}

}  // namespace

Upload::Upload(const Connection& connection, UploadOptions options)
    : connection_(connection), options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<Upload>> Upload::Start(
    const Connection& connection, UploadOptions options) {
  std::unique_ptr<Upload> upload(new Upload(connection, std::move(options)));
  absl::Status opened = upload->OpenStream();
  for (absl::Duration waited; IsAskedToWait(opened) && waited < kPatience;) {
    waited += *RetryAfter(opened);
    absl::SleepFor(*RetryAfter(opened));
    opened = upload->OpenStream();
  }
  NS_RETURN_IF_ERROR(opened);
  Upload* borrowed = upload.get();
  upload->thread_ = std::thread([borrowed] { borrowed->Loop(); });
  return upload;
}

Upload::~Upload() {
  Cancel();
  if (thread_.joinable()) thread_.join();
  // Its reader reports the end to the members that would go before it.
  stream_.reset();
}

absl::Status Upload::OpenStream() {
  NS_ASSIGN_OR_RETURN(stream_,
                      DepositClient::Open(connection_, options_.open,
                                          [this](DepositEvent event) {
                                            absl::MutexLock lock(&mutex_);
                                            events_.push_back(std::move(event));
                                            changed_.SignalAll();
                                          }));
  absl::MutexLock lock(&mutex_);
  limits_ = stream_->limits();
  last_offer_ = 0;
  last_put_ = 0;
  return absl::OkStatus();
}

absl::Status Upload::Submit(SealedObject object) {
  absl::MutexLock lock(&mutex_);
  const uint64_t bytes = object.bytes.size();
  while (status_.ok() && held_bytes_ != 0 &&
         held_bytes_ + bytes > kMaxHeldBytes) {
    changed_.Wait(&mutex_);
  }
  NS_RETURN_IF_ERROR(status_);
  held_bytes_ += bytes;
  unoffered_bytes_ += bytes;
  unoffered_.push_back(std::move(object));
  changed_.SignalAll();
  return absl::OkStatus();
}

absl::StatusOr<CommitReply> Upload::Commit(std::string manifest) {
  absl::MutexLock lock(&mutex_);
  manifest_ = std::move(manifest);
  commit_sent_ = false;
  reply_.reset();
  changed_.SignalAll();
  while (status_.ok() && !reply_.has_value()) changed_.Wait(&mutex_);
  NS_RETURN_IF_ERROR(status_);
  manifest_.reset();
  return *std::exchange(reply_, std::nullopt);
}

void Upload::Finish() {
  {
    absl::MutexLock lock(&mutex_);
    quit_ = true;
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
  // The commit was answered: how the stream ends changes nothing.
  if (stream_ != nullptr) stream_->Finish().IgnoreError();
  stream_.reset();
}

void Upload::Cancel() { Fail(absl::CancelledError("the backup was ended")); }

UploadFigures Upload::figures() const {
  absl::MutexLock lock(&mutex_);
  return figures_;
}

void Upload::Fail(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (status_.ok()) status_ = status;
  changed_.SignalAll();
}

void Upload::Loop() {
  for (;;) {
    absl::Status done;
    switch (NextStep()) {
      case Step::kQuit:
        return;
      case Step::kEvents:
        done = TakeEvents();
        break;
      case Step::kEnded:
        done = Reconnect();
        break;
      case Step::kOffer:
        done = SendOffer();
        break;
      case Step::kPut:
        done = SendPut();
        break;
      case Step::kCommit:
        done = SendCommit();
        break;
    }
    if (!done.ok()) {
      Fail(done);
      return;
    }
  }
}

Upload::Step Upload::NextStep() {
  absl::MutexLock lock(&mutex_);
  while (!HasWork()) changed_.Wait(&mutex_);
  if (stream_ != nullptr) {
    figures_.sent_bytes = sent_before_ + stream_->sent_bytes();
  }
  if (!status_.ok() || quit_) return Step::kQuit;
  if (!events_.empty()) return Step::kEvents;
  if (ended_.has_value()) return Step::kEnded;
  if (CanPut()) return Step::kPut;
  if (CanOffer()) return Step::kOffer;
  return Step::kCommit;
}

bool Upload::HasWork() const {
  if (!status_.ok() || quit_ || !events_.empty()) return true;
  if (ended_.has_value()) return NeedsStream();
  return CanPut() || CanOffer() || CanCommit();
}

// An ended stream is made again when there is something to send, or if the end
// is an answer that no retry changes.
bool Upload::NeedsStream() const {
  const bool refused = !ended_->ok() && !WorthARetry(*ended_);
  return refused || Holds() || (manifest_.has_value() && !reply_.has_value());
}

bool Upload::CanOffer() const {
  if (unoffered_.empty() || offered_.size() >= limits_.max_unanswered_offers) {
    return false;
  }
  return offered_.empty() || unoffered_bytes_ >= kOfferBytes ||
         unoffered_.size() >= limits_.max_offer_ids;
}

bool Upload::CanPut() const {
  if (wanted_.empty()) return false;
  // Without the server's Stored nothing more may be on its way.
  if (!unstored_.empty() && unstored_bytes_ + wanted_.front().bytes.size() >
                                limits_.max_unanswered_put_bytes) {
    return false;
  }
  return wanted_bytes_ >= kPutBytes || (offered_.empty() && unoffered_.empty());
}

bool Upload::Holds() const {
  return !unoffered_.empty() || !offered_.empty() || !wanted_.empty() ||
         !unstored_.empty();
}

bool Upload::CanCommit() const {
  return manifest_.has_value() && !commit_sent_ && !reply_.has_value() &&
         !Holds();
}

absl::Status Upload::TakeEvents() {
  absl::MutexLock lock(&mutex_);
  while (!events_.empty()) {
    DepositEvent event = std::move(events_.front());
    events_.pop_front();
    NS_RETURN_IF_ERROR(Take(std::move(event)));
  }
  changed_.SignalAll();
  return absl::OkStatus();
}

absl::Status Upload::Take(DepositEvent event) {
  if (const auto* ended = std::get_if<StreamEnded>(&event)) {
    ended_ = ended->status;
    return absl::OkStatus();
  }
  reconnects_ = 0;
  if (const auto* wanted = std::get_if<WantedReply>(&event)) {
    return TakeWanted(*wanted);
  }
  if (const auto* stored = std::get_if<StoredReply>(&event)) {
    return TakeStored(*stored);
  }
  if (!commit_sent_) return Broken("an answer to a commit that was not sent");
  commit_sent_ = false;
  if (auto* committed = std::get_if<CommittedReply>(&event)) {
    reply_ = *committed;
  } else if (auto* same = std::get_if<SameReply>(&event)) {
    reply_ = *same;
  } else if (auto* conflict = std::get_if<ConflictReply>(&event)) {
    reply_ = *conflict;
  } else if (auto* incomplete = std::get_if<IncompleteReply>(&event)) {
    reply_ = std::move(*incomplete);
  }
  return absl::OkStatus();
}

absl::Status Upload::TakeWanted(const WantedReply& reply) {
  const auto offer = offered_.find(reply.offer);
  if (offer == offered_.end()) return Broken("an answer to an unknown offer");
  if (reply.bitmap.size() < (offer->second.size() + 7) / 8) {
    return Broken("a short answer to an offer");
  }
  for (size_t i = 0; i < offer->second.size(); ++i) {
    SealedObject& object = offer->second[i];
    if (reply.wanted(i)) {
      wanted_bytes_ += object.bytes.size();
      wanted_.push_back(std::move(object));
    } else {
      held_bytes_ -= object.bytes.size();
    }
  }
  offered_.erase(offer);
  return absl::OkStatus();
}

absl::Status Upload::TakeStored(const StoredReply& reply) {
  if (reply.upto > last_put_) return Broken("an answer to an unknown put");
  while (!unstored_.empty() && unstored_.front().number <= reply.upto) {
    held_bytes_ -= unstored_.front().bytes;
    unstored_bytes_ -= unstored_.front().bytes;
    figures_.put_objects += unstored_.front().objects.size();
    unstored_.pop_front();
  }
  return absl::OkStatus();
}

// A failed write is not an error here: the stream's last event says why it
// ended.
absl::Status Upload::SendOffer() {
  std::vector<ObjectId> ids;
  {
    absl::MutexLock lock(&mutex_);
    std::vector<SealedObject>& offer = offered_[++last_offer_];
    while (!unoffered_.empty() && offer.size() < limits_.max_offer_ids) {
      unoffered_bytes_ -= unoffered_.front().bytes.size();
      ids.push_back(unoffered_.front().ref.id);
      offer.push_back(std::move(unoffered_.front()));
      unoffered_.pop_front();
    }
  }
  stream_->Offer(last_offer_, ids).IgnoreError();
  NS_KILL_POINT("agent.offer-sent");
  return absl::OkStatus();
}

absl::Status Upload::SendPut() {
  std::vector<absl::string_view> objects;
  {
    absl::MutexLock lock(&mutex_);
    PutBatch& batch = unstored_.emplace_back();
    batch.number = ++last_put_;
    while (!wanted_.empty()) {
      const uint64_t bytes = wanted_.front().bytes.size();
      if (!batch.objects.empty() && batch.bytes + bytes > kMaxPutBytes) break;
      batch.bytes += bytes;
      batch.objects.push_back(std::move(wanted_.front()));
      wanted_.pop_front();
    }
    wanted_bytes_ -= batch.bytes;
    unstored_bytes_ += batch.bytes;
    // Only this thread removes batches, so the views hold.
    for (const SealedObject& object : batch.objects) {
      objects.push_back(object.bytes);
    }
  }
  NS_KILL_POINT("agent.before-put");
  stream_->Put(last_put_, objects).IgnoreError();
  NS_KILL_POINT("agent.put-sent");
  return absl::OkStatus();
}

absl::Status Upload::SendCommit() {
  std::string manifest;
  {
    absl::MutexLock lock(&mutex_);
    manifest = *manifest_;
    commit_sent_ = true;
  }
  stream_->Commit(AsBytes(manifest)).IgnoreError();
  NS_KILL_POINT("agent.commit-sent");
  return absl::OkStatus();
}

absl::Status Upload::Reconnect() {
  absl::Status why;
  {
    absl::MutexLock lock(&mutex_);
    why = ended_->ok() ? absl::UnavailableError("the server ended the session")
                       : *ended_;
    sent_before_ += stream_->sent_bytes();
    figures_.sent_bytes = sent_before_;
    OfferAgain();
  }
  stream_.reset();
  for (;;) {
    if (!WorthARetry(why) || reconnects_ >= options_.max_reconnects) return why;
    const absl::Duration wait = std::max(
        std::min(options_.first_wait * (1 << std::min(reconnects_, 10)),
                 kLongestWait),
        RetryAfter(why).value_or(absl::ZeroDuration()));
    ++reconnects_;
    {
      absl::MutexLock lock(&mutex_);
      const absl::Time until = absl::Now() + wait;
      while (status_.ok() && !quit_ &&
             !changed_.WaitWithDeadline(&mutex_, until)) {
      }
      if (!status_.ok() || quit_) return absl::OkStatus();
      ended_.reset();
      events_.clear();
    }
    why = OpenStream();
    if (why.ok()) return why;
  }
}

// What is held may or may not be on the server; the answers to new offers say.
void Upload::OfferAgain() {
  std::deque<SealedObject> again;
  const auto move_all = [&again](auto& objects) {
    for (SealedObject& object : objects) again.push_back(std::move(object));
    objects.clear();
  };
  for (PutBatch& batch : unstored_) move_all(batch.objects);
  move_all(wanted_);
  for (auto& [number, objects] : offered_) move_all(objects);
  move_all(unoffered_);
  unstored_.clear();
  offered_.clear();
  unoffered_ = std::move(again);
  unoffered_bytes_ = held_bytes_;
  wanted_bytes_ = 0;
  unstored_bytes_ = 0;
  commit_sent_ = false;
}

}  // namespace nightsafe
