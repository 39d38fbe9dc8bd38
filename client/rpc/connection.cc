#include "client/rpc/connection.h"

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/limits.h"
#include "common/base/retry_after.h"
#include "common/base/status.h"
#include "common/pki/pki.h"

namespace nightsafe {
namespace {

// A server that is gone without a word is noticed after the sum of the two.
constexpr int kKeepaliveTimeMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 30'000;
constexpr absl::Duration kBusyWait = absl::Seconds(2);

grpc::ChannelArguments CommonArguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kMaxMessageBytes));
  arguments.SetMaxSendMessageSize(static_cast<int>(kMaxMessageBytes));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  // Each connection stands for itself: no socket shared with another
  // credential, no transparent retries behind the session's back, no proxy
  // from the environment.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

std::string RenewalAdvice(const CertificateView& certificate) {
  absl::string_view role = "host";
  if (certificate.uri_sans.size() == 1) {
    auto identity = PeerIdentity::FromUri(certificate.uri_sans[0]);
    if (identity.ok() && identity->role == PeerRole::kReader) role = "reader";
    if (identity.ok() && identity->role == PeerRole::kAdmin) {
      return "make another with `nightsafe-admin admin add` and a new name, "
             "through the server's socket or ssh";
    }
  }
  return absl::StrCat("ask the admin for `nightsafe-admin ", role,
                      " add` with a new name, then use `nightsafe enrol "
                      "--replace`; all snapshots stay");
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> TlsChannel(
    const ConnectionOptions& options) {
  if (options.address.rfind(':') == std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "server address \"", options.address, "\" is not host:port"));
  }
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = options.ca_certificate_pem;
  ssl.pem_private_key = options.client_key_pem;
  ssl.pem_cert_chain = options.client_certificate_pem;
  grpc::ChannelArguments arguments = CommonArguments();
  arguments.SetSslTargetNameOverride(ServerDnsName(options.server));
  return grpc::CreateCustomChannel(options.address, grpc::SslCredentials(ssl),
                                   arguments);
}

// What gRPC itself says when there was no answer, as opposed to a server.
bool NeverConnected(const std::string& message) {
  return absl::StrContains(message, "failed to connect") ||
         absl::StrContains(message, "DNS resolution failed") ||
         absl::StrContains(message, "empty address list");
}
bool HandshakeFailed(const std::string& message) {
  return absl::StrContains(message, "handshake") ||
         absl::StrContains(message, "Peer name") ||
         absl::StrContains(message, "CERTIFICATE");
}
bool Broke(const std::string& message) {
  return absl::StrContains(message, "Socket closed") ||
         absl::StrContains(message, "onnection reset") ||
         absl::StrContains(message, "GOAWAY") ||
         absl::StrContains(message, "keepalive") ||
         absl::StrContains(message, "Broken pipe");
}

std::string Unavailable(const std::string& address,
                        const std::string& if_unreachable,
                        const std::string& why) {
  if (HandshakeFailed(why)) {
    return absl::StrCat(
        "the server at ", address, " could not be verified: ", why,
        "; is it the server this credential was made for, and is its clock "
        "right?");
  }
  if (NeverConnected(why)) {
    return absl::StrCat("cannot reach the server at ", address, ": ", why, "; ",
                        if_unreachable);
  }
  if (Broke(why)) {
    return absl::StrCat("the connection to the server at ", address,
                        " broke: ", why, "; is nightsafed still running?");
  }
  return absl::StrCat("server at ", address, ": ", why);
}

}  // namespace

absl::Status CheckCertificateDates(absl::string_view pem, absl::Time now) {
  NS_ASSIGN_OR_RETURN(CertificateView certificate, InspectCertificatePem(pem));
  const auto date = [](absl::Time time) {
    return absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone());
  };
  if (now >= certificate.not_after) {
    return absl::PermissionDeniedError(absl::StrCat(
        "this machine's certificate expired on ", date(certificate.not_after),
        "; ", RenewalAdvice(certificate)));
  }
  if (now < certificate.not_before) {
    return absl::FailedPreconditionError(
        absl::StrCat("this machine's certificate is valid from ",
                     date(certificate.not_before), ", and its clock says ",
                     date(now), "; set the clock"));
  }
  return absl::OkStatus();
}

Connection::Connection(const ConnectionOptions& options,
                       std::shared_ptr<grpc::Channel> channel)
    : address_(options.address),
      if_unreachable_(options.if_unreachable),
      channel_(std::move(channel)) {}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(
    const ConnectionOptions& options, const Clock& clock) {
  std::shared_ptr<grpc::Channel> channel;
  if (absl::StartsWith(options.address, "unix:")) {
    channel = grpc::CreateCustomChannel(
        options.address, grpc::experimental::LocalCredentials(UDS),
        CommonArguments());
  } else {
    // gRPC 1.51 reports an expired own certificate as a dead server.
    if (!options.client_certificate_pem.empty()) {
      NS_RETURN_IF_ERROR(
          CheckCertificateDates(options.client_certificate_pem, clock.Now()));
    }
    NS_ASSIGN_OR_RETURN(channel, TlsChannel(options));
  }
  return std::unique_ptr<Connection>(
      new Connection(options, std::move(channel)));
}

absl::Status Connection::ToStatus(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  // The two enumerations have the same numbers.
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  const std::string& why = status.error_message();
  if (code == absl::StatusCode::kUnavailable) {
    return absl::UnavailableError(Unavailable(address_, if_unreachable_, why));
  }
  // What gRPC 1.51 says itself when no thread is free, before any service sees
  // the call.
  if (code == absl::StatusCode::kResourceExhausted &&
      why == "Server Threadpool Exhausted") {
    return WithRetryAfter(
        absl::ResourceExhaustedError(absl::StrCat(
            "the server at ", address_, " has no thread free; try again soon")),
        kBusyWait);
  }
  if (code == absl::StatusCode::kPermissionDenied ||
      code == absl::StatusCode::kUnauthenticated) {
    return absl::Status(
        code, absl::StrCat("the server at ", address_, " refuses: ", why));
  }
  return absl::Status(code, why);
}

}  // namespace nightsafe
