// A running server: the only wiring, in construction order.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/crypto/signature.h"
#include "common/io/file_system.h"
#include "server/config.h"
#include "server/vault/data_directory.h"

namespace nightsafe {

inline constexpr absl::string_view kVersion = "0.1.0";

// Makes a data directory with its keys and nightsafed.yaml at `data`, which
// must be new or empty. Durable when OK. Returns the new server's id.
absl::StatusOr<ServerId> InitServer(FileSystem& fs, const Clock& clock,
                                    absl::string_view data,
                                    const VerifyKey& first_admin_key,
                                    const ServerConfig& config);

// DATA/nightsafed.yaml. NOT_FOUND says to run init.
absl::StatusOr<ServerConfig> LoadConfig(FileSystem& fs, absl::string_view data);

class Server {
 public:
  // Where it really listens, with the ports that were bound.
  struct Addresses {
    std::string deposit;         // host:port of hosts and readers
    std::string enrol;           // host:port
    std::string metrics;         // host:port; empty if off
    std::string admin_socket;    // path
    std::string admin;           // host:port of admins; empty if off
    std::string public_deposit;  // what enrolment files name
    std::string public_enrol;
  };

  // Recovers, then listens; ready when it returns. Borrows fs and clock. Errors
  // are for a person; `found` tells what was found before one, too.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      FileSystem& fs, const Clock& clock, absl::string_view data,
      const ServerConfig& config, StartupReport* found = nullptr);
  // Stops as Shutdown does if that was not called.
  ~Server();

  const Addresses& addresses() const;
  const StartupReport& startup_report() const;
  DataDirectory& data();

  // Ends streams (a commit that has begun is finished), then closes the data
  // directory cleanly. What still runs after `grace` is cancelled.
  absl::Status Shutdown(absl::Duration grace = absl::Seconds(20));

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// Read-only access to a data directory when everything else is gone: the
// Retrieve service alone, for whoever can reach the socket.
class RescueServer {
 public:
  // Writes nothing under `data`.
  static absl::StatusOr<std::unique_ptr<RescueServer>> Start(
      FileSystem& fs, const Clock& clock, absl::string_view data,
      const std::string& socket);
  ~RescueServer();

  const StartupReport& startup_report() const;
  DataDirectory& data();
  void Shutdown();

 private:
  struct Parts;
  explicit RescueServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace nightsafe
