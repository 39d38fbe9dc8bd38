#include "client/admin/server_link.h"

#include <stdlib.h>
#include <unistd.h>

#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "common/base/clock.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr absl::Duration kSshPatience = absl::Seconds(60);

}  // namespace

absl::StatusOr<SshTarget> ParseSshTarget(absl::string_view url) {
  const absl::Status malformed = absl::InvalidArgumentError(absl::StrCat(
      "\"ssh://", url,
      "\" is not of the form ssh://[user@]host[:port][/path/to/admin.sock]"));
  SshTarget target;
  const size_t slash = url.find('/');
  target.socket = slash == absl::string_view::npos
                      ? kDefaultAdminSocket
                      : std::string(url.substr(slash));
  absl::string_view destination = url.substr(0, slash);
  const size_t colon = destination.rfind(':');
  if (colon != absl::string_view::npos) {
    target.port = std::string(destination.substr(colon + 1));
    destination = destination.substr(0, colon);
    if (target.port.empty()) return malformed;
    for (char c : target.port) {
      if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return malformed;
    }
  }
  if (destination.empty() || destination.front() == '-' ||
      destination.back() == '@' || target.socket.back() == '/') {
    return malformed;
  }
  target.destination = std::string(destination);
  return target;
}

bool IsNetworkAddress(absl::string_view server) {
  return !absl::StartsWith(server, "ssh://") &&
         !absl::StartsWith(server, "unix:") && !absl::StartsWith(server, "/") &&
         absl::StrContains(server, ':');
}

absl::Status ServerLink::Connect(const ConnectionOptions& options) {
  NS_ASSIGN_OR_RETURN(connection_, Connection::Open(options, SystemClock()));
  client_ = std::make_unique<AdminClient>(*connection_);
  return absl::OkStatus();
}

absl::Status ServerLink::OpenSsh(absl::string_view url) {
  NS_ASSIGN_OR_RETURN(SshTarget target, ParseSshTarget(url));
  std::string pattern = "/tmp/nightsafe-admin.XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("cannot make ", pattern, ": ", std::strerror(errno)));
  }
  directory_ = pattern;
  const std::string local = absl::StrCat(directory_, "/admin.sock");
  std::vector<std::string> argv = {"ssh", "-N", "-o",
                                   "ExitOnForwardFailure=yes"};
  if (!target.port.empty()) {
    argv.insert(argv.end(), {"-p", target.port});
  }
  argv.insert(argv.end(), {"-L", absl::StrCat(local, ":", target.socket), "--",
                           target.destination});
  // ssh may have to ask for a passphrase or a host key: it keeps the terminal.
  NS_ASSIGN_OR_RETURN(
      ssh_, ChildProcess::Start(argv, /*keep_stdin=*/true, /*quiet=*/false));
  absl::Status status = WaitForSocket(local, *ssh_, kSshPatience);
  if (!status.ok()) {
    return absl::UnavailableError(
        absl::StrCat("cannot reach ", target.destination, ":", target.socket,
                     " through ssh: ", status.message()));
  }
  return Connect({.address = absl::StrCat("unix:", local)});
}

absl::StatusOr<std::unique_ptr<ServerLink>> ServerLink::Open(
    absl::string_view server) {
  std::unique_ptr<ServerLink> link(new ServerLink);
  if (absl::ConsumePrefix(&server, "ssh://")) {
    NS_RETURN_IF_ERROR(link->OpenSsh(server));
    return link;
  }
  absl::ConsumePrefix(&server, "unix:");
  if (server.empty() || server[0] != '/') {
    return absl::InvalidArgumentError(
        absl::StrCat("--server \"", server,
                     "\": use unix:/path/to/admin.sock, ssh://[user@]host or, "
                     "with a credential, host:port"));
  }
  NS_RETURN_IF_ERROR(link->Connect({.address = absl::StrCat("unix:", server)}));
  return link;
}

absl::StatusOr<std::unique_ptr<ServerLink>> ServerLink::Open(
    const ConnectionOptions& options) {
  std::unique_ptr<ServerLink> link(new ServerLink);
  NS_RETURN_IF_ERROR(link->Connect(options));
  return link;
}

ServerLink::~ServerLink() {
  client_.reset();
  connection_.reset();
  ssh_.reset();
  if (directory_.empty()) return;
  ::unlink(absl::StrCat(directory_, "/admin.sock").c_str());
  ::rmdir(directory_.c_str());
}

}  // namespace nightsafe
