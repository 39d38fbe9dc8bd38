#include "server/service/stream_table.h"

#include <grpc/grpc.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/base/retry_after.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr absl::Duration kTakeoverWait = absl::Seconds(30);
constexpr absl::Duration kStreamWait = absl::Seconds(10);

absl::Status Stopping() {
  return absl::UnavailableError("the server is stopping; try again soon");
}

}  // namespace

StreamTable::StreamTable(std::shared_ptr<const Authorizer> authorizer,
                         const Registry& registry, const Clock& clock,
                         const StreamLimits& limits)
    : authorizer_(std::move(authorizer)),
      registry_(registry),
      clock_(clock),
      limits_(limits),
      revocations_seen_(registry.revocations()),
      supervisor_([this] { Supervise(); }) {}

StreamTable::~StreamTable() {
  {
    absl::MutexLock lock(&mutex_);
    done_ = true;
  }
  supervisor_.join();
}

absl::StatusOr<std::unique_ptr<StreamTable::Stream>> StreamTable::Enter(
    grpc::ServerContext& context) {
  NS_ASSIGN_OR_RETURN(Principal principal,
                      authorizer_->Identify(*context.auth_context()));
  std::unique_ptr<Stream> stream(
      new Stream(*this, context, std::move(principal)));
  absl::MutexLock lock(&mutex_);
  stream->AssertLocked();
  if (stopping_) {
    // Not in the list yet: its destructor must find nothing to remove.
    stream->ended_ = Stopping();
    return Stopping();
  }
  const bool reader = stream->principal_.role == v1::READER;
  const size_t limit =
      reader ? limits_.streams_per_reader : limits_.streams_per_host;
  const auto open = static_cast<size_t>(std::count_if(
      streams_.begin(), streams_.end(),
      [&](const Stream* other) { return stream->OfSamePrincipal(*other); }));
  if (open >= limit) {
    return WithRetryAfter(
        absl::ResourceExhaustedError(absl::StrCat(
            RoleName(stream->principal_.role), " ", stream->principal_.name,
            " has ", open, " streams open, limit ", limit,
            "; try again when one has ended")),
        kStreamWait);
  }
  stream->entered_ = clock_.Now();
  stream->last_message_ = stream->entered_;
  streams_.push_back(stream.get());
  return stream;
}

void StreamTable::Stop() {
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
  for (Stream* stream : streams_) {
    stream->AssertLocked();
    if (!stream->working_) stream->End(Stopping());
  }
}

uint64_t StreamTable::open_streams() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<uint64_t>(
      std::count_if(streams_.begin(), streams_.end(), [](const Stream* stream) {
        return stream->principal_.role == v1::HOST;
      }));
}

void StreamTable::Supervise() {
  absl::MutexLock lock(&mutex_);
  while (!mutex_.AwaitWithTimeout(absl::Condition(&done_),
                                  limits_.look_interval)) {
    EndOverdue(clock_.Now());
    EndRevoked();
  }
}

void StreamTable::EndOverdue(absl::Time now) {
  for (Stream* stream : streams_) {
    stream->AssertLocked();
    if (stream->working_) continue;
    const absl::Status overdue = stream->Overdue(now);
    if (!overdue.ok()) stream->End(overdue);
  }
}

// An agent that found nothing to send for so long opens it again.
absl::Status StreamTable::Stream::Overdue(absl::Time now) const {
  const StreamLimits& limits = table_.limits_;
  const absl::Duration waited = now - last_message_;
  if (principal_.role == v1::HOST && !claimed_ && waited >= limits.opening) {
    return absl::UnavailableError(absl::StrCat(
        "nothing was opened for ", absl::FormatDuration(limits.opening)));
  }
  if (waited >= limits.idle) {
    return absl::UnavailableError(
        absl::StrCat("no message, or almost nothing, for ",
                     absl::FormatDuration(limits.idle),
                     "; the session may be opened again"));
  }
  if (now - entered_ < limits.age) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("open for ", absl::FormatDuration(limits.age),
                   "; the session may be opened again"));
}

// Asks the registry under our mutex; it never calls back.
void StreamTable::EndRevoked() {
  const uint64_t revocations = registry_.revocations();
  if (revocations == revocations_seen_) return;
  revocations_seen_ = revocations;
  for (Stream* stream : streams_) {
    stream->AssertLocked();
    const auto principal = authorizer_->Identify(*stream->connection_);
    if (!principal.ok()) stream->End(principal.status());
  }
}

StreamTable::Stream::~Stream() {
  absl::MutexLock lock(&table_.mutex_);
  table_.streams_.remove(this);
}

bool StreamTable::Stream::Supersedes(const Stream& other) const {
  other.AssertLocked();
  return &other != this && claimed_ && other.claimed_ &&
         session_ == other.session_ && OfSamePrincipal(other);
}

bool StreamTable::Stream::OfSamePrincipal(const Stream& other) const {
  return principal_.role == other.principal_.role &&
         principal_.vault == other.principal_.vault &&
         principal_.name == other.principal_.name;
}

size_t StreamTable::Stream::OtherSessions() const {
  std::set<SessionId> sessions;
  for (const Stream* other : table_.streams_) {
    other->AssertLocked();
    if (other != this && OfSamePrincipal(*other) && other->claimed_ &&
        other->ended_.ok()) {
      sessions.insert(other->session_);
    }
  }
  sessions.erase(session_);
  return sessions.size();
}

// Of two that claim at once, the later has ended the earlier.
bool StreamTable::Stream::ClaimIsDecided() const {
  if (!ended_.ok()) return true;
  for (const Stream* other : table_.streams_) {
    if (Supersedes(*other)) return false;
  }
  return true;
}

absl::Status StreamTable::Stream::Claim(const SessionId& session) {
  absl::MutexLock lock(&table_.mutex_);
  if (!ended_.ok()) return ended_;
  session_ = session;
  const size_t others = OtherSessions();
  if (others >= table_.limits_.sessions_per_host) {
    return WithRetryAfter(
        absl::ResourceExhaustedError(absl::StrCat(
            "host ", principal_.name, " has ", others, " sessions open, limit ",
            table_.limits_.sessions_per_host,
            "; try again when one has ended")),
        kStreamWait);
  }
  claimed_ = true;
  for (Stream* other : table_.streams_) {
    other->AssertLocked();
    if (Supersedes(*other)) {
      other->End(absl::AbortedError("superseded by a newer stream"));
    }
  }
  if (!table_.mutex_.AwaitWithTimeout(
          absl::Condition(this, &Stream::ClaimIsDecided), kTakeoverWait)) {
    return absl::UnavailableError(
        "an older stream of this session still works; try again soon");
  }
  return ended_;
}

absl::Status StreamTable::Stream::BeginWork() {
  absl::MutexLock lock(&table_.mutex_);
  NS_RETURN_IF_ERROR(ended_);
  working_ = true;
  work_began_ = table_.clock_.Now();
  return absl::OkStatus();
}

absl::Status StreamTable::Stream::EndWork(uint64_t bytes) {
  absl::MutexLock lock(&table_.mutex_);
  working_ = false;
  const absl::Time now = table_.clock_.Now();
  last_message_ += now - work_began_;
  bytes_since_ += bytes;
  if (bytes_since_ >= kProgressBytes) {
    bytes_since_ = 0;
    last_message_ = now;
  }
  if (ended_.ok() && table_.stopping_) ended_ = Stopping();
  return ended_;
}

absl::Status StreamTable::Stream::Progress() {
  absl::MutexLock lock(&table_.mutex_);
  last_message_ = table_.clock_.Now();
  return ended_;
}

// TryCancel would say CANCELLED; this sends the reason to the peer.
void StreamTable::Stream::End(const absl::Status& why) {
  if (!ended_.ok()) return;
  ended_ = why;
  grpc_call_cancel_with_status(context_.c_call(),
                               static_cast<grpc_status_code>(why.code()),
                               std::string(why.message()).c_str(), nullptr);
}

}  // namespace nightsafe
