// The answers of one streaming call of an admin.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/sync_stream.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/status.h"
#include "server/service/stream_table.h"

namespace nightsafe {

// Among the supervised streams, if there are such. Between two answers the
// server is at work, so only a caller that does not take what is sent counts as
// idle. For the handler's own thread; borrows all.
template <typename Reply>
class AdminStream {
 public:
  // As StreamTable::Enter. `streams` null: nothing supervises it.
  static absl::StatusOr<AdminStream> Enter(StreamTable* streams,
                                           grpc::ServerContext& context,
                                           grpc::ServerWriter<Reply>& writer) {
    AdminStream entered(context, writer);
    if (streams == nullptr) return entered;
    NS_ASSIGN_OR_RETURN(entered.stream_, streams->Enter(context));
    NS_RETURN_IF_ERROR(entered.stream_->BeginWork());
    return entered;
  }

  // CANCELLED: the caller went away; else the reason why the stream is to end.
  absl::Status Write(const Reply& reply) {
    if (stream_ != nullptr) {
      NS_RETURN_IF_ERROR(stream_->EndWork(kProgressBytes));
    }
    const bool sent = !context_.IsCancelled() && writer_.Write(reply);
    if (stream_ != nullptr) NS_RETURN_IF_ERROR(stream_->BeginWork());
    return sent ? absl::OkStatus()
                : absl::CancelledError("the caller went away");
  }
  // It went away, or the stream was ended.
  bool is_over() const { return context_.IsCancelled(); }

 private:
  AdminStream(grpc::ServerContext& context, grpc::ServerWriter<Reply>& writer)
      : context_(context), writer_(writer) {}

  grpc::ServerContext& context_;
  grpc::ServerWriter<Reply>& writer_;
  std::unique_ptr<StreamTable::Stream> stream_;
};

}  // namespace nightsafe
