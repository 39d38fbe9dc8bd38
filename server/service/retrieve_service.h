// Retrieve: what a reader can call.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nightsafe/v1/retrieve.grpc.pb.h"
#include "server/authz/authorizer.h"
#include "server/service/stream_table.h"
#include "server/vault/data_directory.h"

namespace nightsafe {

// Thread-safe. Borrows data directory and stream table.
class RetrieveService final : public v1::Retrieve::Service {
 public:
  // `streams` null: nothing supervises them, they last as long as the caller.
  RetrieveService(DataDirectory& data,
                  std::shared_ptr<const Authorizer> authorizer,
                  StreamTable* streams)
      : data_(data), authorizer_(std::move(authorizer)), streams_(streams) {}

  grpc::Status ListVaults(grpc::ServerContext* context,
                          const v1::ListVaultsRequest* request,
                          v1::ListVaultsReply* reply) override;
  grpc::Status GetKeyring(grpc::ServerContext* context,
                          const v1::GetKeyringRequest* request,
                          v1::GetKeyringReply* reply) override;
  grpc::Status ListSnapshots(
      grpc::ServerContext* context, const v1::ListSnapshotsRequest* request,
      grpc::ServerWriter<v1::ListSnapshotsReply>* writer) override;
  grpc::Status FetchObjects(
      grpc::ServerContext* context, const v1::FetchObjectsRequest* request,
      grpc::ServerWriter<v1::FetchObjectsReply>* writer) override;

 private:
  // PERMISSION_DENIED with one text for a vault that is not the caller's and
  // one that does not exist.
  absl::StatusOr<Vault*> FindReadable(grpc::ServerContext& context,
                                      absl::string_view vault);
  absl::Status Fetch(grpc::ServerContext& context,
                     const v1::FetchObjectsRequest& request,
                     grpc::ServerWriter<v1::FetchObjectsReply>& writer);

  DataDirectory& data_;
  absl::Status List(grpc::ServerContext& context,
                    const v1::ListSnapshotsRequest& request,
                    grpc::ServerWriter<v1::ListSnapshotsReply>& writer);

  const std::shared_ptr<const Authorizer> authorizer_;
  StreamTable* const streams_;
};

}  // namespace nightsafe
