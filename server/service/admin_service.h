// Admin: what the admin socket offers, and the listener for admins.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "nightsafe/v1/admin.grpc.pb.h"
#include "server/authz/authority.h"
#include "server/service/admin_stream.h"
#include "server/service/status.h"
#include "server/service/stream_table.h"
#include "server/vault/data_directory.h"

namespace nightsafe {

// What GetServer says besides what the data directory knows.
struct ServerDescription {
  std::string ca_certificate_der;
  std::string server_address;  // "host:port" for enrolment files
  std::string enrol_address;
  // Of the listener for admins; empty: off. Asked at each call.
  std::function<std::string()> admin_address;
  std::string version;
};

// Thread-safe. Borrows the authority, what the sources borrow, and streams.
class AdminService final : public v1::Admin::Service {
 public:
  // `streams` supervises the calls that come through the network; null: on the
  // socket, where calls last as long as the caller. Only there are overrides
  // taken that no order has signed.
  AdminService(ServerDescription description, StatusSources sources,
               const Authority& authority, StreamTable* streams)
      : data_(sources.data),
        description_(std::move(description)),
        sources_(std::move(sources)),
        authority_(authority),
        streams_(streams) {}

  grpc::Status GetServer(grpc::ServerContext* context,
                         const v1::GetServerRequest* request,
                         v1::GetServerReply* reply) override;
  grpc::Status GetStatus(grpc::ServerContext* context,
                         const v1::GetStatusRequest* request,
                         v1::GetStatusReply* reply) override;
  grpc::Status AddVault(grpc::ServerContext* context,
                        const v1::AddVaultRequest* request,
                        v1::AddVaultReply* reply) override;
  grpc::Status ListVaults(grpc::ServerContext* context,
                          const v1::AdminListVaultsRequest* request,
                          v1::AdminListVaultsReply* reply) override;
  grpc::Status AddHost(grpc::ServerContext* context,
                       const v1::AddHostRequest* request,
                       v1::AddTokenReply* reply) override;
  grpc::Status AddReader(grpc::ServerContext* context,
                         const v1::AddReaderRequest* request,
                         v1::AddTokenReply* reply) override;
  grpc::Status AddAdmin(grpc::ServerContext* context,
                        const v1::AddAdminRequest* request,
                        v1::AddAdminReply* reply) override;
  grpc::Status ListAdmins(grpc::ServerContext* context,
                          const v1::ListAdminsRequest* request,
                          v1::ListAdminsReply* reply) override;
  grpc::Status SubmitOrder(grpc::ServerContext* context,
                           const v1::SubmitOrderRequest* request,
                           v1::SubmitOrderReply* reply) override;
  grpc::Status GetKeyring(grpc::ServerContext* context,
                          const v1::AdminGetKeyringRequest* request,
                          v1::AdminGetKeyringReply* reply) override;
  grpc::Status ListHosts(grpc::ServerContext* context,
                         const v1::ListHostsRequest* request,
                         v1::ListHostsReply* reply) override;
  grpc::Status ListTokens(grpc::ServerContext* context,
                          const v1::ListTokensRequest* request,
                          v1::ListTokensReply* reply) override;
  grpc::Status ListReaders(grpc::ServerContext* context,
                           const v1::ListReadersRequest* request,
                           v1::ListReadersReply* reply) override;
  grpc::Status ListSnapshots(
      grpc::ServerContext* context,
      const v1::AdminListSnapshotsRequest* request,
      grpc::ServerWriter<v1::AdminListSnapshotsReply>* writer) override;
  grpc::Status ListHistories(
      grpc::ServerContext* context, const v1::ListHistoriesRequest* request,
      grpc::ServerWriter<v1::ListHistoriesReply>* writer) override;
  grpc::Status GetPolicies(grpc::ServerContext* context,
                           const v1::GetPoliciesRequest* request,
                           v1::GetPoliciesReply* reply) override;
  grpc::Status PruneByPolicy(grpc::ServerContext* context,
                             const v1::PruneByPolicyRequest* request,
                             v1::PruneByPolicyReply* reply) override;
  grpc::Status Audit(grpc::ServerContext* context,
                     const v1::AuditRequest* request,
                     grpc::ServerWriter<v1::AuditReply>* writer) override;
  grpc::Status Scrub(grpc::ServerContext* context,
                     const v1::ScrubRequest* request,
                     grpc::ServerWriter<v1::ScrubReply>* writer) override;
  grpc::Status Collect(grpc::ServerContext* context,
                       const v1::CollectRequest* request,
                       grpc::ServerWriter<v1::CollectReply>* writer) override;

 private:
  absl::Status AddVault(const v1::AddVaultRequest& request);
  absl::StatusOr<HostRegistration> AddHost(const v1::AddHostRequest& request);
  absl::Status AddReader(const v1::AddReaderRequest& request);
  absl::StatusOr<IssuedCertificate> AddAdmin(
      const v1::AddAdminRequest& request);
  absl::Status ListSnapshots(const v1::AdminListSnapshotsRequest& request,
                             AdminStream<v1::AdminListSnapshotsReply>& stream);
  absl::Status ListHistories(const v1::ListHistoriesRequest& request,
                             AdminStream<v1::ListHistoriesReply>& stream);
  absl::Status Scrub(const v1::ScrubRequest& request,
                     AdminStream<v1::ScrubReply>& stream);
  absl::Status Collect(const v1::CollectRequest& request,
                       AdminStream<v1::CollectReply>& stream);
  // Those of `vault`, or of all vaults if it is empty.
  absl::StatusOr<std::vector<Vault*>> Selected(const std::string& vault);

  DataDirectory& data_;
  const ServerDescription description_;
  const StatusSources sources_;
  const Authority& authority_;
  StreamTable* const streams_;
};

}  // namespace nightsafe
