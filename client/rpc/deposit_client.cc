#include "client/rpc/deposit_client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/limits.h"
#include "common/base/retry_after.h"
#include "common/base/status.h"
#include "nightsafe/v1/deposit.grpc.pb.h"

namespace nightsafe {
namespace {

constexpr uint32_t kProtocol = 1;

}  // namespace

struct DepositClient::State {
  State(const Connection& connection_in, OnEvent on_event_in)
      : connection(connection_in),
        on_event(std::move(on_event_in)),
        stub(v1::Deposit::NewStub(connection.channel())),
        stream(stub->Session(&context)) {}

  absl::Status Write(const v1::DepositRequest& request) {
    if (!stream->Write(request)) return AwaitEnd();
    sent_bytes += request.ByteSizeLong();
    return absl::OkStatus();
  }

  // Why the stream ended; waits for the reader to learn it.
  absl::Status AwaitEnd() {
    const absl::Status status = EndStatus();
    return status.ok() ? absl::UnavailableError("the server ended the session")
                       : status;
  }

  // How the call ended, with the time after which the server would take
  // another.
  absl::Status End() {
    absl::Status status = connection.ToStatus(stream->Finish());
    if (status.ok()) return status;
    const auto& trailer = context.GetServerTrailingMetadata();
    const auto wait = trailer.find(kRetryAfterKey);
    if (wait == trailer.end()) return status;
    int64_t milliseconds = 0;
    const absl::string_view text(wait->second.data(), wait->second.size());
    if (!absl::SimpleAtoi(text, &milliseconds) || milliseconds < 1) {
      return status;
    }
    return WithRetryAfter(std::move(status), absl::Milliseconds(milliseconds));
  }

  absl::Status EndStatus() {
    absl::MutexLock lock(&mutex);
    mutex.Await(absl::Condition(
        +[](std::optional<absl::Status>* value) { return value->has_value(); },
        &end));
    return *end;
  }

  // The first message, or why there is none.
  absl::Status ReadOpened(DepositLimits& limits) {
    v1::DepositReply reply;
    if (!stream->Read(&reply)) {
      absl::Status status = End();
      return status.ok()
                 ? absl::UnavailableError("the server ended the session")
                 : status;
    }
    if (!reply.has_opened()) {
      context.TryCancel();
      (void)stream->Finish();  // the protocol error is what matters
      return absl::DataLossError("the server did not open the session");
    }
    limits = ReadLimits(reply.opened());
    return absl::OkStatus();
  }

  void ReadLoop() {
    v1::DepositReply reply;
    absl::Status broken;
    while (stream->Read(&reply)) {
      absl::StatusOr<DepositEvent> event = ReadReply(reply);
      if (!event.ok()) {
        broken = event.status();
        context.TryCancel();
        break;
      }
      on_event(*std::move(event));
    }
    absl::Status status = End();
    if (!broken.ok()) status = broken;
    {
      absl::MutexLock lock(&mutex);
      end = status;
    }
    on_event(StreamEnded{std::move(status)});
  }

  const Connection& connection;
  const OnEvent on_event;
  grpc::ClientContext context;
  const std::unique_ptr<v1::Deposit::Stub> stub;
  const std::unique_ptr<
      grpc::ClientReaderWriter<v1::DepositRequest, v1::DepositReply>>
      stream;
  std::atomic<uint64_t> sent_bytes = 0;
  absl::Mutex mutex;
  std::optional<absl::Status> end ABSL_GUARDED_BY(mutex);
  std::thread reader;
};

DepositClient::DepositClient(std::unique_ptr<State> state)
    : state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<DepositClient>> DepositClient::Open(
    const Connection& connection, const DepositOpen& open, OnEvent on_event) {
  auto state = std::make_unique<State>(connection, std::move(on_event));
  v1::DepositRequest request;
  request.mutable_open()->set_protocol(kProtocol);
  request.mutable_open()->set_set(open.set);
  request.mutable_open()->set_session(std::string(open.session.text()));
  request.mutable_open()->set_manifest_head(open.manifest_head);
  request.mutable_open()->set_agent_version(open.agent_version);
  // A failed write shows in ReadOpened.
  if (state->stream->Write(request)) {
    state->sent_bytes += request.ByteSizeLong();
  }
  DepositLimits limits;
  NS_RETURN_IF_ERROR(state->ReadOpened(limits));
  std::unique_ptr<DepositClient> stream(new DepositClient(std::move(state)));
  stream->limits_ = limits;
  State* borrowed = stream->state_.get();
  borrowed->reader = std::thread([borrowed] { borrowed->ReadLoop(); });
  return stream;
}

DepositClient::~DepositClient() {
  Cancel();
  state_->reader.join();
}

absl::Status DepositClient::Offer(uint64_t number,
                                  const std::vector<ObjectId>& ids) {
  v1::DepositRequest request;
  request.mutable_offer()->set_number(number);
  std::string& raw = *request.mutable_offer()->mutable_ids();
  raw.reserve(ids.size() * ObjectId::kSize);
  for (const ObjectId& id : ids) AppendBytes(id.view(), raw);
  return state_->Write(request);
}

absl::Status DepositClient::Put(uint64_t number,
                                const std::vector<absl::string_view>& objects) {
  v1::DepositRequest request;
  request.mutable_put()->set_number(number);
  for (absl::string_view object : objects) {
    request.mutable_put()->add_objects(object.data(), object.size());
  }
  return state_->Write(request);
}

absl::Status DepositClient::Commit(ByteView manifest) {
  v1::DepositRequest request;
  request.mutable_commit()->set_manifest(std::string(AsText(manifest)));
  return state_->Write(request);
}

absl::Status DepositClient::Finish() {
  // A failed half-close means that the stream has ended; so says `end`.
  state_->stream->WritesDone();
  return state_->EndStatus();
}

void DepositClient::Cancel() { state_->context.TryCancel(); }

uint64_t DepositClient::sent_bytes() const { return state_->sent_bytes; }

}  // namespace nightsafe
