// nightsafe refusals

#include "client/cli/commands.h"
#include "client/cli/host_connection.h"
#include "client/rpc/refusal_probe.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

absl::StatusOr<ExitCode> Run(const ClientOptions& client) {
  NS_ASSIGN_OR_RETURN(
      Credential credential,
      LoadHostCredential(*NewPosixFileSystem(), client.config_directory));
  NS_ASSIGN_OR_RETURN(
      std::unique_ptr<Connection> connection,
      Connection::Open(ConnectionOf(credential), SystemClock()));
  size_t refused = 0;
  const std::vector<ProbedMethod> methods = ProbeForeignMethods(*connection);
  for (const ProbedMethod& method : methods) {
    if (absl::IsUnavailable(method.answer)) {
      return absl::UnavailableError(absl::StrCat(
          "cannot reach the server at ", credential.server_address, ": ",
          method.answer.message(), "; is nightsafed running there?"));
    }
    refused += method.refused() ? 1 : 0;
    std::printf("%-8s %-42s %s\n", method.refused() ? "refused" : "ALLOWED",
                method.path.c_str(),
                absl::StatusCodeToString(method.answer.code()).c_str());
  }
  std::printf("%zu of %zu methods that a host must not call are refused\n",
              refused, methods.size());
  return refused == methods.size() ? kExitOk : kExitFailure;
}

}  // namespace

void AddRefusalsCommand(Program& program, const ClientOptions& client) {
  CLI::App* command = program.AddCommand(
      "refusals",
      "Try, with this host's credential, every method that reads or "
      "administers; each must be refused");
  program.OnRun(command, [&client] { return Run(client); });
}

}  // namespace nightsafe
