// nightsafe-admin key check

#include "client/cli/admin_commands.h"
#include "client/cli/recovery_options.h"
#include "client/terminal/text.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

void ShowProof(const StoredKeyring& stored, const RecoveryProof& proof) {
  std::printf("recovery key  %s\nopens         vault %s, %s\n",
              proof.key.Hex().c_str(), stored.vault.c_str(),
              stored.id.Hex().c_str());
  if (!proof.manifest.has_value()) {
    std::printf("snapshot      none yet: only the keyring was opened\n");
    return;
  }
  const v1::format::ManifestClear& clear = proof.manifest->clear;
  std::printf("opens         snapshot %s/%s@%s of %s\n",
              ShowName(clear.host()).c_str(), ShowName(clear.set()).c_str(),
              proof.manifest->id.Hex().substr(0, 12).c_str(),
              ShowTime(absl::FromUnixNanos(clear.finished_unix_ns())).c_str());
}

absl::StatusOr<ExitCode> Check(const AdminOptions& admin,
                               const RecoveryOptions& options) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(StoredKeyring stored,
                      options.Fetch(admin, link->client()));
  NS_ASSIGN_OR_RETURN(BoxKey key, options.LoadRecoveryKey(admin));
  NS_ASSIGN_OR_RETURN(RecoveryProof proof, TryRecoveryKey(stored, key));
  ShowProof(stored, proof);
  NS_ASSIGN_OR_RETURN(SigningKey admin_key,
                      admin.LoadAdminKey(options.admin_key));
  NS_RETURN_IF_ERROR(
      RecordProof(link->client(), admin_key, stored.vault, proof.key));
  std::fprintf(stderr, "recorded: `nightsafe-admin status` tells when\n");
  return kExitOk;
}

}  // namespace

void AddAdminKeyCommands(Program& program, AdminOptions& admin) {
  CLI::App* key = program.AddCommand("key", "Recovery keys");
  key->require_subcommand(1);
  auto check = std::make_shared<RecoveryOptions>();
  CLI::App* command = program.AddCommand(
      "check",
      "Prove that a recovery key still opens a vault: opens the keyring that "
      "the server keeps and the newest snapshot's manifest, and records that "
      "it did",
      key);
  check->AddVault(command);
  check->AddKeys(command);
  program.OnRun(command, [&admin, check] { return Check(admin, *check); });
}

}  // namespace nightsafe
