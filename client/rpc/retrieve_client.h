// What a reader credential (or a rescue socket) can ask for. Everything here is
// ciphertext: callers verify and open it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/rpc/connection.h"
#include "client/rpc/fetch_call.h"
#include "common/base/ids.h"
#include "common/snapshot/life.h"

namespace nightsafe {

struct RemoteVault {
  std::string name;
  VaultId vault_id;
  ServerId server;
};

struct RemoteSnapshot {
  std::string manifest;  // the manifest object, whole; not verified
  uint64_t sequence = 0;
  absl::Time received;
  uint32_t domain_number = 0;
  uint64_t new_bytes = 0;
  SnapshotLife life = SnapshotLife::kLive;
  absl::Time expired_at;  // unless it is live
};

// Thread-safe; borrows the connection. Errors are as Connection::ToStatus says;
// DATA_LOSS for replies that break the protocol.
class RetrieveClient {
 public:
  explicit RetrieveClient(const Connection& connection)
      : connection_(connection) {}

  absl::StatusOr<std::vector<RemoteVault>> ListVaults() const;
  // Serialised format.SealedKeyring; NOT_FOUND if the server keeps none.
  absl::StatusOr<std::string> GetKeyring(absl::string_view vault) const;
  // By sequence, with those that are expired or purged. An empty host or set:
  // all.
  absl::StatusOr<std::vector<RemoteSnapshot>> ListSnapshots(
      absl::string_view vault, absl::string_view host,
      absl::string_view set) const;

  // Calls `take` exactly once for each of `ids` (any number, no duplicates), in
  // the server's order; an error from it ends the call with that error.
  absl::Status FetchObjects(
      absl::string_view vault, uint32_t domain_number,
      const std::vector<ObjectId>& ids,
      const std::function<absl::Status(RemoteObject)>& take) const;

 private:
  const Connection& connection_;
};

}  // namespace nightsafe
