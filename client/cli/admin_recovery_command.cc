// nightsafe-admin vault recovery list | add | remove | restore

#include <nlohmann/json.hpp>

#include "client/admin/vault_file.h"
#include "client/cli/admin_commands.h"
#include "client/cli/recovery_options.h"
#include "client/terminal/text.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

constexpr size_t kMaxVaultFileBytes = 1 << 20;

struct ChangeOptions : RecoveryOptions {
  std::string key;
};

struct ListOptions : RecoveryOptions {
  bool json = false;
};

absl::StatusOr<ExitCode> List(const AdminOptions& admin,
                              const ListOptions& options) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(StoredKeyring stored,
                      options.FetchAny(admin, link->client()));
  nlohmann::json list = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows = {
      {"RECOVERY KEY", "LAST OPENED THE VAULT"}};
  for (const v1::RecoveryKeyState& key : stored.reply.recovery_keys()) {
    const std::string id = HexEncode(AsBytes(key.recovery_key_id()));
    list.push_back(
        {{"recovery_key_id", id}, {"proven_unix_ns", key.proven_unix_ns()}});
    rows.push_back(
        {id, key.proven_unix_ns() == 0
                 ? "never tried"
                 : ShowTime(absl::FromUnixNanos(key.proven_unix_ns()))});
  }
  std::fputs(
      options.json ? (list.dump(2) + "\n").c_str() : ShowTable(rows).c_str(),
      stdout);
  return kExitOk;
}

// The copy that `nightsafe key derive` opens; what it was stays beside it.
absl::Status UpdateVaultFile(const std::string& path, const VaultId& vault,
                             const std::string& sealed) {
  const std::unique_ptr<FileSystem> fs = NewPosixFileSystem();
  NS_ASSIGN_OR_RETURN(std::string text,
                      ReadWholeFile(*fs, path, kMaxVaultFileBytes));
  NS_ASSIGN_OR_RETURN(VaultFile file, DecodeVaultFile(text));
  if (file.id != vault) {
    return absl::FailedPreconditionError("it is of another vault");
  }
  file.sealed_keyring = sealed;
  NS_RETURN_IF_ERROR(
      WriteFileDurably(*fs, absl::StrCat(path, ".old"), AsBytes(text), 0644));
  return WriteFileDurably(*fs, path, AsBytes(EncodeVaultFile(file)), 0644);
}

// Stores `sealed` by an order, then in the vault file.
absl::Status Store(const AdminOptions& admin, const ChangeOptions& options,
                   const AdminClient& server, const StoredKeyring& stored,
                   const std::string& sealed) {
  NS_ASSIGN_OR_RETURN(SigningKey admin_key,
                      admin.LoadAdminKey(options.admin_key));
  NS_RETURN_IF_ERROR(
      StoreKeyring(server, admin_key, stored, sealed, options.reason));
  const std::string path = options.VaultFilePath(admin);
  const absl::Status updated = UpdateVaultFile(path, stored.id, sealed);
  if (!updated.ok()) {
    std::fprintf(stderr,
                 "warning: the vault file %s has the keyring of before: %s\n",
                 path.c_str(), std::string(updated.message()).c_str());
  }
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> Add(const AdminOptions& admin,
                             const ChangeOptions& options) {
  NS_ASSIGN_OR_RETURN(BoxPublicKey added, ReadRecoveryPublicKey(options.key));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(StoredKeyring stored,
                      options.Fetch(admin, link->client()));
  NS_ASSIGN_OR_RETURN(BoxKey opening, options.LoadRecoveryKey(admin));
  NS_ASSIGN_OR_RETURN(
      std::string sealed,
      AddKeyringRecipient(AsBytes(stored.reply.sealed_keyring()), opening,
                          stored.id, added));
  NS_RETURN_IF_ERROR(Store(admin, options, link->client(), stored, sealed));
  std::printf("%s\n", KeyIdOf(added).Hex().c_str());
  std::fprintf(stderr,
               "the recovery key with the id above opens vault %s from now on, "
               "beside %d before; write it on a recovery sheet of its own, "
               "with vault id %s\n"
               "next:  nightsafe-admin key check --vault %s --recovery FILE\n",
               stored.vault.c_str(), stored.reply.recovery_keys_size(),
               stored.id.Hex().c_str(), stored.vault.c_str());
  return kExitOk;
}

absl::StatusOr<KeyId> RemovedKey(const ChangeOptions& options,
                                 const StoredKeyring& stored) {
  if (!NewPosixFileSystem()->Stat(options.key).ok()) {
    return FindRecoveryKey(stored, options.key);
  }
  NS_ASSIGN_OR_RETURN(BoxPublicKey key, ReadRecoveryPublicKey(options.key));
  return FindRecoveryKey(stored, key.Hex());
}

absl::StatusOr<ExitCode> Remove(const AdminOptions& admin,
                                const ChangeOptions& options) {
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(StoredKeyring stored,
                      options.Fetch(admin, link->client()));
  NS_ASSIGN_OR_RETURN(KeyId removed, RemovedKey(options, stored));
  NS_ASSIGN_OR_RETURN(BoxKey opening, options.LoadRecoveryKey(admin));
  NS_ASSIGN_OR_RETURN(
      std::string sealed,
      RemoveKeyringRecipient(AsBytes(stored.reply.sealed_keyring()), opening,
                             stored.id, removed));
  NS_RETURN_IF_ERROR(Store(admin, options, link->client(), stored, sealed));
  std::printf("%s\n", removed.Hex().c_str());
  std::fprintf(
      stderr,
      "the keyring of vault %s, as the server gives it out from now on, does "
      "not open with the recovery key with the id above; %d other%s\n"
      "warning: it still opens every old copy of the keyring: vault files, "
      "copies of the server's data, the server's own journal. Whoever copied "
      "that key and knows its passphrase can read this vault's snapshots with "
      "such a copy, those to come as well\n",
      stored.vault.c_str(), stored.reply.recovery_keys_size() - 1,
      stored.reply.recovery_keys_size() == 2 ? " does" : "s do");
  return kExitOk;
}

// Of a server whose keyring was made useless: that of a vault file.
absl::StatusOr<ExitCode> Restore(const AdminOptions& admin,
                                 const ChangeOptions& options) {
  const std::string path =
      options.key.empty() ? options.VaultFilePath(admin) : options.key;
  NS_ASSIGN_OR_RETURN(
      std::string text,
      ReadWholeFile(*NewPosixFileSystem(), path, kMaxVaultFileBytes));
  const auto file = DecodeVaultFile(text);
  if (!file.ok()) return Annotate(file.status(), path);
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link, admin.Connect());
  NS_ASSIGN_OR_RETURN(StoredKeyring stored,
                      options.Fetch(admin, link->client()));
  NS_ASSIGN_OR_RETURN(BoxKey opening, options.LoadRecoveryKey(admin));
  const auto opened =
      OpenKeyring(AsBytes(file->sealed_keyring), opening, stored.id);
  if (!opened.ok()) return Annotate(opened.status(), path);
  NS_ASSIGN_OR_RETURN(SigningKey admin_key,
                      admin.LoadAdminKey(options.admin_key));
  NS_RETURN_IF_ERROR(StoreKeyring(link->client(), admin_key, stored,
                                  file->sealed_keyring, options.reason));
  std::fprintf(stderr,
               "the server keeps the keyring of %s for vault %s from now on; "
               "`nightsafe-admin vault recovery list` shows which recovery "
               "keys open it\n",
               path.c_str(), stored.vault.c_str());
  return kExitOk;
}

}  // namespace

void AddRecoveryCommands(Program& program, AdminOptions& admin,
                         CLI::App* vault) {
  CLI::App* recovery = program.AddCommand(
      "recovery", "The recovery keys that open a vault's keyring", vault);
  recovery->require_subcommand(1);

  auto list = std::make_shared<ListOptions>();
  CLI::App* command = program.AddCommand(
      "list",
      "Ids of the recovery keys that open the vault, and when `key check` last "
      "tried each; `nightsafe key show FILE` tells the id of a key file",
      recovery);
  list->AddVault(command);
  command->add_flag("--json", list->json);
  program.OnRun(command, [&admin, list] { return List(admin, *list); });

  auto add = std::make_shared<ChangeOptions>();
  command = program.AddCommand(
      "add",
      "Let another recovery key open the vault, with one that does already. "
      "No snapshot is touched",
      recovery);
  command
      ->add_option("KEY", add->key,
                   "recovery key file, of which only the public part is read, "
                   "or a public key")
      ->required();
  add->AddVault(command);
  add->AddKeys(command);
  command->add_option("--reason", add->reason, "kept in the journal");
  program.OnRun(command, [&admin, add] { return Add(admin, *add); });

  auto remove = std::make_shared<ChangeOptions>();
  command = program.AddCommand(
      "remove",
      "Seal the keyring no longer to a recovery key, with one that stays. What "
      "has an old copy of the keyring still opens with the removed one",
      recovery);
  command
      ->add_option("KEY", remove->key,
                   "eight or more digits of its id, its public key or its file")
      ->required();
  remove->AddVault(command);
  remove->AddKeys(command);
  command->add_option("--reason", remove->reason, "kept in the journal");
  program.OnRun(command, [&admin, remove] { return Remove(admin, *remove); });

  auto restore = std::make_shared<ChangeOptions>();
  command = program.AddCommand(
      "restore",
      "Let the server keep the keyring of a vault file again, after somebody "
      "replaced it by one that does not open",
      recovery);
  command->add_option("VAULT_FILE", restore->key,
                      "default: VAULT.vault of the admin directory");
  restore->AddVault(command);
  restore->AddKeys(command);
  command->add_option("--reason", restore->reason, "kept in the journal");
  program.OnRun(command,
                [&admin, restore] { return Restore(admin, *restore); });
}

}  // namespace nightsafe
