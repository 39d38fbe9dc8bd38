// nightsafe-admin vault add | list | recovery

#include <nlohmann/json.hpp>

#include "client/admin/vault_file.h"
#include "client/cli/admin_commands.h"
#include "client/terminal/text.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

constexpr size_t kMaxVaultFileBytes = 1 << 20;

struct VaultOptions {
  std::string file;
  bool json = false;
};

absl::StatusOr<ExitCode> Add(const AdminOptions& admin,
                             const VaultOptions& options) {
  NS_ASSIGN_OR_RETURN(
      std::string text,
      ReadWholeFile(*NewPosixFileSystem(), options.file, kMaxVaultFileBytes));
  absl::StatusOr<VaultFile> decoded = DecodeVaultFile(text);
  if (!decoded.ok()) return Annotate(decoded.status(), options.file);
  const VaultFile& vault = *decoded;
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_RETURN_IF_ERROR(AddVaultToServer(link->client(), vault));
  std::fprintf(stderr,
               "vault %s (%s) is registered\n"
               "next:  nightsafe-admin host add NAME --vault %s\n",
               vault.name.c_str(), vault.id.Hex().c_str(), vault.name.c_str());
  return kExitOk;
}

absl::StatusOr<ExitCode> List(const AdminOptions& admin,
                              const VaultOptions& options) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(std::vector<v1::AdminVault> vaults,
                      link->client().ListVaults());
  nlohmann::json list = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows = {
      {"VAULT", "HOSTS", "SNAPSHOTS", "VAULT ID"}};
  for (const v1::AdminVault& vault : vaults) {
    const std::string id = HexEncode(AsBytes(vault.vault_id()));
    list.push_back({{"vault", vault.name()},
                    {"vault_id", id},
                    {"hosts", vault.hosts()},
                    {"snapshots", vault.snapshots()}});
    rows.push_back({vault.name(), absl::StrCat(vault.hosts()),
                    absl::StrCat(vault.snapshots()), id});
  }
  std::fputs(
      options.json ? (list.dump(2) + "\n").c_str() : ShowTable(rows).c_str(),
      stdout);
  return kExitOk;
}

}  // namespace

void AddVaultCommands(Program& program, AdminOptions& admin) {
  CLI::App* vault = program.AddCommand("vault", "Encryption boundaries");
  vault->require_subcommand(1);
  auto add = std::make_shared<VaultOptions>();
  CLI::App* command = program.AddCommand(
      "add", "Register a vault made by `nightsafe vault create`", vault);
  command->add_option("FILE", add->file, "NAME.vault")->required();
  program.OnRun(command, [&admin, add] { return Add(admin, *add); });

  auto list = std::make_shared<VaultOptions>();
  command = program.AddCommand("list", "Vaults of the server", vault);
  command->add_flag("--json", list->json);
  program.OnRun(command, [&admin, list] { return List(admin, *list); });

  AddRecoveryCommands(program, admin, vault);
}

}  // namespace nightsafe
