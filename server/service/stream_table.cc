#include "server/service/stream_table.h"

#include <grpc/grpc.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr absl::Duration kTakeoverWait = absl::Seconds(30);

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
  const auto same_host = [&](const Stream* other) {
    return other->principal_.vault == stream->principal_.vault &&
           other->principal_.name == stream->principal_.name;
  };
  const auto open = static_cast<size_t>(
      std::count_if(streams_.begin(), streams_.end(), same_host));
  if (open >= limits_.streams_per_host) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "host ", stream->principal_.name, " has ", open,
        " deposit streams open, limit ", limits_.streams_per_host));
  }
  stream->last_message_ = clock_.Now();
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
  return streams_.size();
}

void StreamTable::Supervise() {
  absl::MutexLock lock(&mutex_);
  while (!mutex_.AwaitWithTimeout(absl::Condition(&done_),
                                  limits_.look_interval)) {
    EndIdle(clock_.Now());
    EndRevoked();
  }
}

void StreamTable::EndIdle(absl::Time now) {
  for (Stream* stream : streams_) {
    stream->AssertLocked();
    if (stream->working_ || now - stream->last_message_ < limits_.idle) {
      continue;
    }
    // An agent that found nothing to send for so long opens it again.
    stream->End(absl::UnavailableError(
        absl::StrCat("no message for ", absl::FormatDuration(limits_.idle),
                     "; the session may be opened again")));
  }
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
         session_ == other.session_ &&
         principal_.vault == other.principal_.vault &&
         principal_.name == other.principal_.name;
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
  return absl::OkStatus();
}

absl::Status StreamTable::Stream::EndWork() {
  absl::MutexLock lock(&table_.mutex_);
  working_ = false;
  last_message_ = table_.clock_.Now();
  if (ended_.ok() && table_.stopping_) ended_ = Stopping();
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
