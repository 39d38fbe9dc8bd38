#include "tests/support/fake_deposit_server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/object/object.h"
#include "nightsafe/v1/deposit.grpc.pb.h"

namespace nightsafe {

class FakeDepositServer::Service final : public v1::Deposit::Service {
 public:
  using Stream = grpc::ServerReaderWriter<v1::DepositReply, v1::DepositRequest>;

  grpc::Status Session(grpc::ServerContext*, Stream* stream) override {
    v1::DepositRequest request;
    std::string session;
    while (stream->Read(&request)) {
      v1::DepositReply reply;
      const grpc::Status status = Handle(request, session, reply);
      if (!status.ok()) return status;
      if (!stream->Write(reply)) break;
    }
    return grpc::Status::OK;
  }

  mutable absl::Mutex mutex_;
  std::map<ObjectId, std::string> objects_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> commits_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> by_session_ ABSL_GUARDED_BY(mutex_);
  uint64_t put_objects_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t received_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t streams_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t offered_ids_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t puts_until_failure_ ABSL_GUARDED_BY(mutex_) = -1;
  grpc::Status failure_ ABSL_GUARDED_BY(mutex_);
  bool swallow_ ABSL_GUARDED_BY(mutex_) = false;

 private:
  grpc::Status Handle(const v1::DepositRequest& request, std::string& session,
                      v1::DepositReply& reply) {
    absl::MutexLock lock(&mutex_);
    received_bytes_ += request.ByteSizeLong();
    switch (request.message_case()) {
      case v1::DepositRequest::kOpen:
        ++streams_;
        session = request.open().session();
        reply.mutable_opened()->set_max_unanswered_offers(kMaxUnansweredOffers);
        reply.mutable_opened()->set_max_offer_ids(kMaxOfferIds);
        reply.mutable_opened()->set_max_message_bytes(kMaxMessageBytes);
        reply.mutable_opened()->set_max_unanswered_put_bytes(8 << 20);
        return grpc::Status::OK;
      case v1::DepositRequest::kOffer:
        Offer(request.offer(), *reply.mutable_wanted());
        return grpc::Status::OK;
      case v1::DepositRequest::kPut:
        return Put(request.put(), *reply.mutable_stored());
      case v1::DepositRequest::kCommit:
        return Commit(request.commit().manifest(), session, reply);
      default:
        return {grpc::StatusCode::INVALID_ARGUMENT, "unknown message"};
    }
  }

  void Offer(const v1::DepositRequest::Offer& offer,
             v1::DepositReply::Wanted& wanted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const size_t count = offer.ids().size() / ObjectId::kSize;
    offered_ids_ += count;
    std::string bitmap((count + 7) / 8, '\0');
    for (size_t i = 0; i < count; ++i) {
      const ObjectId id = ObjectId::FromValidBytes(
          AsBytes(offer.ids()).subspan(i * ObjectId::kSize));
      if (!objects_.contains(id)) {
        bitmap[i / 8] = static_cast<char>(bitmap[i / 8] | 1 << (i % 8));
      }
    }
    wanted.set_number(offer.number());
    wanted.set_bitmap(bitmap);
  }

  grpc::Status Put(const v1::DepositRequest::Put& put,
                   v1::DepositReply::Stored& stored)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (puts_until_failure_ >= 0 && puts_until_failure_-- == 0) {
      return failure_;
    }
    for (const std::string& object : put.objects()) {
      if (!ParseObject(AsBytes(object)).ok()) {
        return {grpc::StatusCode::INVALID_ARGUMENT, "not an object"};
      }
      ++put_objects_;
      objects_[ObjectIdOf(AsBytes(object))] = object;
    }
    stored.set_upto(put.number());
    return grpc::Status::OK;
  }

  void Reach(const ObjectId& id, std::set<ObjectId>& seen, std::string& missing)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!seen.insert(id).second) return;
    const auto object = objects_.find(id);
    if (object == objects_.end()) {
      AppendBytes(id.view(), missing);
      return;
    }
    const ObjectView view = *ParseObject(AsBytes(object->second));
    for (size_t i = 0; i < view.ref_count(); ++i) {
      Reach(view.ref(i), seen, missing);
    }
  }

  grpc::Status Commit(const std::string& manifest, const std::string& session,
                      v1::DepositReply& reply)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto view = ParseObject(AsBytes(manifest));
    if (!view.ok() || view->kind != ObjectKind::kManifest) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "not a manifest"};
    }
    const auto made = by_session_.find(session);
    if (made == by_session_.end()) {
      std::set<ObjectId> seen;
      std::string missing;
      Reach(view->ref(0), seen, missing);
      if (!missing.empty()) {
        reply.mutable_incomplete()->set_missing(missing);
        return grpc::Status::OK;
      }
      by_session_[session] = manifest;
      commits_.push_back(manifest);
    } else if (made->second != manifest) {
      return {grpc::StatusCode::FAILED_PRECONDITION, "another manifest"};
    }
    if (std::exchange(swallow_, false)) {
      return {grpc::StatusCode::UNAVAILABLE, "Socket closed"};
    }
    reply.mutable_committed()->set_snapshot(
        std::string(ObjectIdOf(AsBytes(manifest)).text()));
    reply.mutable_committed()->set_received_unix_ns(1'700'000'000'000'000'000);
    reply.mutable_committed()->set_sequence(commits_.size());
    return grpc::Status::OK;
  }
};

struct FakeDepositServer::Listener {
  std::unique_ptr<grpc::Server> server;
};

FakeDepositServer::FakeDepositServer(std::string socket_path)
    : socket_path_(std::move(socket_path)),
      service_(std::make_unique<Service>()) {
  Start();
}

FakeDepositServer::~FakeDepositServer() { Stop(); }

std::string FakeDepositServer::address() const {
  return "unix:" + socket_path_;
}

void FakeDepositServer::Start() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address(),
                           grpc::experimental::LocalServerCredentials(UDS));
  builder.SetMaxReceiveMessageSize(static_cast<int>(kMaxMessageBytes));
  builder.RegisterService(service_.get());
  listener_ = std::make_unique<Listener>();
  listener_->server = builder.BuildAndStart();
  NS_CHECK(listener_->server != nullptr);
}

void FakeDepositServer::Stop() {
  if (listener_ == nullptr) return;
  listener_->server->Shutdown(std::chrono::system_clock::now());
  listener_.reset();
  unlink(socket_path_.c_str());
}

void FakeDepositServer::Lose(const ObjectId& id) {
  absl::MutexLock lock(&service_->mutex_);
  service_->objects_.erase(id);
}

void FakeDepositServer::LoseIf(
    const std::function<bool(const ObjectId&, const std::string&)>& lost) {
  absl::MutexLock lock(&service_->mutex_);
  std::erase_if(service_->objects_, [&lost](const auto& object) {
    return lost(object.first, object.second);
  });
}

void FakeDepositServer::FailPut(uint64_t n, int code,
                                const std::string& message) {
  absl::MutexLock lock(&service_->mutex_);
  service_->puts_until_failure_ = static_cast<int64_t>(n);
  service_->failure_ =
      grpc::Status(static_cast<grpc::StatusCode>(code), message);
}

void FakeDepositServer::SwallowCommitReply() {
  absl::MutexLock lock(&service_->mutex_);
  service_->swallow_ = true;
}

std::map<ObjectId, std::string> FakeDepositServer::objects() const {
  absl::MutexLock lock(&service_->mutex_);
  return service_->objects_;
}

std::vector<std::string> FakeDepositServer::commits() const {
  absl::MutexLock lock(&service_->mutex_);
  return service_->commits_;
}

uint64_t FakeDepositServer::put_objects() const {
  absl::MutexLock lock(&service_->mutex_);
  return service_->put_objects_;
}

uint64_t FakeDepositServer::received_bytes() const {
  absl::MutexLock lock(&service_->mutex_);
  return service_->received_bytes_;
}

uint64_t FakeDepositServer::streams() const {
  absl::MutexLock lock(&service_->mutex_);
  return service_->streams_;
}

uint64_t FakeDepositServer::offered_ids() const {
  absl::MutexLock lock(&service_->mutex_);
  return service_->offered_ids_;
}

}  // namespace nightsafe
