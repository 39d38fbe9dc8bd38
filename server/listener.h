// One address that gRPC serves, behind one authorizer.
#pragma once

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/limits.h"
#include "common/io/file_system.h"
#include "server/authz/auth_processor.h"
#include "server/authz/authority.h"
#include "server/authz/authorizer.h"

namespace nightsafe {

struct ListenerLimits {
  int threads = 256;
  // That connections may hold in buffers, all together.
  size_t memory_bytes = 1 << 30;
  // Of one message from a peer.
  size_t receive_bytes = kMaxMessageBytes;
};

// Serves from Start until Shutdown or destruction.
class Listener {
 public:
  // `address` is "host:port" or "unix:/path". Borrows the services. UNAVAILABLE
  // if it cannot be bound.
  static absl::StatusOr<std::unique_ptr<Listener>> Start(
      const std::string& address,
      const std::shared_ptr<grpc::ServerCredentials>& credentials,
      const std::shared_ptr<const Authorizer>& authorizer,
      const std::vector<grpc::Service*>& services,
      const ListenerLimits& limits);
  ~Listener();

  // The port that was bound; 1 for a socket.
  int port() const { return port_; }
  // No new calls; waits for open ones, cancels them at `deadline`.
  void Shutdown(absl::Time deadline);

 private:
  explicit Listener(std::shared_ptr<AuthProcessor> processor)
      : processor_(std::move(processor)) {}

  const std::shared_ptr<AuthProcessor> processor_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// Of the services with these full names, which the program must know.
// FAILED_PRECONDITION for a method without allowed_roles.
absl::StatusOr<std::shared_ptr<const Authorizer>> MakeAuthorizer(
    const std::vector<std::string>& services,
    std::unique_ptr<IdentitySource> identity, Counters& counters);

// Credentials of a Unix socket. INVALID_ARGUMENT if `path` is too long for one.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> SocketCredentials(
    const std::string& path);

// The server's own certificate; `demand_certificate`: a handshake without one
// that its CA signed fails.
std::shared_ptr<grpc::ServerCredentials> TlsCredentials(
    const Authority& authority, bool demand_certificate);

// Who may enter the directory of an admin's socket is admin, so it must not be
// open to all: FAILED_PRECONDITION.
absl::Status PrepareSocketDirectory(FileSystem& fs, const std::string& socket);

}  // namespace nightsafe
