// nightsafe status

#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "client/agent/status.h"
#include "client/cli/commands.h"
#include "client/cli/host_connection.h"
#include "client/credential/renewal.h"
#include "client/terminal/text.h"
#include "common/base/status.h"
#include "common/pki/pki.h"

namespace nightsafe {
namespace {

struct StatusOptions {
  bool json = false;
};

nlohmann::json ToJson(const Credential& credential,
                      const CertificateView& certificate,
                      const std::vector<SetStatus>& sets) {
  nlohmann::json list = nlohmann::json::array();
  for (const SetStatus& set : sets) {
    const bool any = set.chain_counter != 0;
    list.push_back(
        {{"set", set.set},
         {"damaged", set.damaged},
         {"snapshot", any ? set.snapshot.Hex() : ""},
         {"received_unix_ns", any ? absl::ToUnixNanos(set.received) : 0},
         {"entries", set.entries},
         {"file_bytes", set.file_bytes},
         {"unreadable", set.unreadable},
         {"commit_pending", set.commit_pending}});
  }
  return {
      {"host", credential.name},
      {"vault", credential.vaults[0].name},
      {"server", credential.server_address},
      {"certificate_expires_unix_ns", absl::ToUnixNanos(certificate.not_after)},
      {"certificate_renewal_unix_ns",
       absl::ToUnixNanos(RenewalTime(certificate))},
      {"sets", list}};
}

std::string NoteOf(const SetStatus& set) {
  if (set.damaged) return "local record damaged; the next backup reads all";
  if (set.commit_pending) return "last answer never came; asked at next backup";
  if (set.unreadable > 0) return absl::StrCat(set.unreadable, " unreadable");
  return "";
}

std::string ShowValidity(const CertificateView& certificate, absl::Time now) {
  const absl::Time end = certificate.not_after;
  if (end < now) return absl::StrCat("until ", ShowTime(end), " (EXPIRED)");
  const absl::Time renewal = RenewalTime(certificate);
  return absl::StrCat(
      "until ", ShowTime(end), " (in ", ShowDuration(end - now), "); ",
      renewal <= now ? "the next backup renews it"
                     : absl::StrCat("renewed by the first backup after ",
                                    ShowTime(renewal)));
}

void PrintTable(const Credential& credential,
                const CertificateView& certificate,
                const std::vector<SetStatus>& sets, absl::Time now) {
  std::printf(
      "host         %s in vault %s\nserver       %s\n"
      "certificate  %s\n",
      credential.name.c_str(), credential.vaults[0].name.c_str(),
      credential.server_address.c_str(),
      ShowValidity(certificate, now).c_str());
  if (sets.empty()) {
    std::printf("no backup was made yet\n");
    return;
  }
  std::vector<std::vector<std::string>> rows = {
      {"SET", "LAST SNAPSHOT", "AGE", "ID", "ENTRIES", "SIZE", "NOTE"}};
  for (const SetStatus& set : sets) {
    const bool any = set.chain_counter != 0 && !set.damaged;
    rows.push_back({set.set, any ? ShowTime(set.received) : "-",
                    any ? ShowDuration(now - set.received) : "-",
                    any ? set.snapshot.Hex().substr(0, 12) : "-",
                    absl::StrCat(set.entries), ShowBytes(set.file_bytes),
                    NoteOf(set)});
  }
  std::fputs(ShowTable(rows).c_str(), stdout);
}

absl::StatusOr<ExitCode> Run(const ClientOptions& client,
                             const StatusOptions& options) {
  std::unique_ptr<FileSystem> fs = NewPosixFileSystem();
  NS_ASSIGN_OR_RETURN(Credential credential,
                      LoadHostCredential(*fs, client.config_directory));
  NS_ASSIGN_OR_RETURN(CertificateView certificate,
                      InspectCertificatePem(credential.certificate_pem));
  NS_ASSIGN_OR_RETURN(std::vector<SetStatus> sets,
                      ReadBackupStatus(*fs, client.state_directory + "/agent"));
  if (options.json) {
    std::printf("%s\n", ToJson(credential, certificate, sets).dump(2).c_str());
  } else {
    PrintTable(credential, certificate, sets, absl::Now());
  }
  return kExitOk;
}

}  // namespace

void AddStatusCommand(Program& program, const ClientOptions& client) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* command = program.AddCommand(
      "status",
      "What this machine knows of its own backups, without asking the server");
  command->add_flag("--json", options->json);
  program.OnRun(command, [&client, options] { return Run(client, *options); });
}

}  // namespace nightsafe
