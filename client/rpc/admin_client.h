// Every method of the admin service as one function; the fields are as
// admin.proto says.
#pragma once

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/rpc/connection.h"
#include "nightsafe/v1/admin.pb.h"

namespace nightsafe {

// Thread-safe; borrows the connection (to the admin socket, or as an admin).
class AdminClient {
 public:
  explicit AdminClient(const Connection& connection)
      : connection_(connection) {}

  absl::StatusOr<v1::GetServerReply> GetServer() const;
  absl::Status AddVault(const v1::AddVaultRequest& request) const;
  absl::StatusOr<std::vector<v1::AdminVault>> ListVaults() const;
  absl::StatusOr<v1::AddTokenReply> AddHost(
      const v1::AddHostRequest& request) const;
  absl::StatusOr<v1::AddTokenReply> AddReader(
      const v1::AddReaderRequest& request) const;
  absl::StatusOr<v1::AddAdminReply> AddAdmin(
      const v1::AddAdminRequest& request) const;
  // `sealed_keyring`: what an order to store one names.
  absl::Status SubmitOrder(const v1::format::SignedOrder& order,
                           absl::string_view sealed_keyring = "") const;
  absl::StatusOr<v1::AdminGetKeyringReply> GetKeyring(
      absl::string_view vault) const;
  // An empty vault: all.
  absl::StatusOr<std::vector<v1::HostRecord>> ListHosts(
      absl::string_view vault) const;
  absl::StatusOr<std::vector<v1::ReaderRecord>> ListReaders() const;
  absl::StatusOr<std::vector<v1::AdminRecord>> ListAdmins() const;
  absl::StatusOr<std::vector<v1::TokenRecord>> ListTokens() const;
  absl::StatusOr<std::vector<v1::AdminSnapshot>> ListSnapshots(
      const v1::AdminListSnapshotsRequest& request) const;
  absl::StatusOr<std::vector<v1::ListHistoriesReply>> ListHistories(
      const v1::ListHistoriesRequest& request) const;
  absl::StatusOr<v1::GetPoliciesReply> GetPolicies(
      const v1::GetPoliciesRequest& request) const;
  absl::StatusOr<v1::PruneByPolicyReply> PruneByPolicy(
      const v1::PruneByPolicyRequest& request) const;
  // Calls `take` for each reply until the one with `done`. UNAVAILABLE if the
  // server ends before.
  absl::Status Audit(
      const v1::AuditRequest& request,
      const std::function<absl::Status(const v1::AuditReply&)>& take) const;
  absl::StatusOr<v1::GetStatusReply> GetStatus(
      const v1::GetStatusRequest& request) const;
  // Calls `take` for each reply until the one with `done`; an error from it
  // ends the scrub. UNAVAILABLE if the server ends before `done`.
  absl::Status Scrub(
      const v1::ScrubRequest& request,
      const std::function<absl::Status(const v1::ScrubReply&)>& take) const;
  // Calls `take` for each reply; an error from it ends the collection.
  absl::Status Collect(
      const v1::CollectRequest& request,
      const std::function<absl::Status(const v1::CollectReply&)>& take) const;

 private:
  const Connection& connection_;
};

}  // namespace nightsafe
