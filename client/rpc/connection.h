// A channel to one server, checked to be that server, and what its errors mean
// for a person.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/base/ids.h"

namespace grpc {
class Channel;
class Status;
}  // namespace grpc

namespace nightsafe {

struct ConnectionOptions {
  // "host:port": TLS. "unix:/path": a socket of this machine (rescue, admin),
  // to which nothing below applies.
  std::string address;
  ServerId server;
  std::string ca_certificate_pem;
  // Both empty: no certificate is shown (enrolment).
  std::string client_key_pem;
  std::string client_certificate_pem;
  // What a person who cannot reach it should look at.
  std::string if_unreachable = "is nightsafed running there?";
};

// Thread-safe. Connects when the first call is made, and again when needed.
class Connection {
 public:
  // FAILED_PRECONDITION: the own certificate is expired or not valid yet, and
  // what to do. INVALID_ARGUMENT: address or certificate is malformed. The
  // server's certificate must bear the server id's name, whatever the address.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(
      const ConnectionOptions& options, const Clock& clock);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  const std::string& address() const { return address_; }

  // The end of a call: same code, a message that says which server and what to
  // look at if it could not be reached or refused this credential.
  absl::Status ToStatus(const grpc::Status& status) const;

 private:
  Connection(const ConnectionOptions& options,
             std::shared_ptr<grpc::Channel> channel);
  std::string address_;
  std::string if_unreachable_;
  std::shared_ptr<grpc::Channel> channel_;
};

// OK if `pem` is a certificate valid at `now`, else FAILED_PRECONDITION with
// the date and the command that renews it (also used by `status`).
absl::Status CheckCertificateDates(absl::string_view pem, absl::Time now);

}  // namespace nightsafe
