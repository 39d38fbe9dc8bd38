// The way to a server: its admin socket, here or through ssh, or its listener
// for admins. Keys and orders stay on the admin's machine.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/admin/child_process.h"
#include "client/rpc/admin_client.h"
#include "client/rpc/connection.h"

namespace nightsafe {

inline constexpr char kDefaultAdminSocket[] =
    "/var/lib/nightsafe/server/admin/admin.sock";

class ServerLink {
 public:
  // "unix:/path/to/admin.sock", "/path/to/admin.sock", or
  // "ssh://[user@]host[:port][/path/to/admin.sock]". INVALID_ARGUMENT for other
  // forms; UNAVAILABLE if ssh ends or nothing listens.
  static absl::StatusOr<std::unique_ptr<ServerLink>> Open(
      absl::string_view server);
  // Through the network, by a credential (admin_access.h).
  static absl::StatusOr<std::unique_ptr<ServerLink>> Open(
      const ConnectionOptions& options);
  ~ServerLink();

  const AdminClient& client() const { return *client_; }

 private:
  ServerLink() = default;
  absl::Status Connect(const ConnectionOptions& options);
  absl::Status OpenSsh(absl::string_view url);

  std::string directory_;  // of the forwarded socket; removed at the end
  std::unique_ptr<ChildProcess> ssh_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<AdminClient> client_;
};

// Whether `server` is "host:port", for which a credential is needed.
bool IsNetworkAddress(absl::string_view server);

// Parts of "[user@]host[:port][/socket]". INVALID_ARGUMENT if it could be taken
// for an option of ssh or has no host.
struct SshTarget {
  std::string destination;  // [user@]host
  std::string port;         // empty: ssh's default
  std::string socket;
};
absl::StatusOr<SshTarget> ParseSshTarget(absl::string_view url);

}  // namespace nightsafe
