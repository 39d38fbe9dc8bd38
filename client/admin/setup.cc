#include "client/admin/setup.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/admin/child_process.h"
#include "client/admin/server_link.h"
#include "client/admin/vault_file.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

constexpr absl::Duration kStartPatience = absl::Seconds(60);
constexpr mode_t kSecretMode = 0600;
constexpr mode_t kPublicMode = 0644;

// Keys that exist now are never replaced: they may be the only ones.
absl::Status RequireAbsent(FileSystem& fs, const std::string& path) {
  if (absl::IsNotFound(fs.Stat(path).status())) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path,
      " exists already; nothing was changed. Move it away, or choose "
      "another place with --admin-dir or --recovery-key"));
}

absl::Status RequireEmpty(FileSystem& fs, const std::string& path) {
  absl::StatusOr<std::vector<std::string>> names = fs.List(path);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  NS_RETURN_IF_ERROR(names.status());
  if (names->empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "data directory ", path, " is not empty; nothing was changed"));
}

absl::Status Create(FileSystem& fs, const std::string& path,
                    absl::string_view text, mode_t mode) {
  return CreateFileDurably(fs, path, AsBytes(text), mode);
}

absl::Status InitServer(const SetupOptions& options,
                        const SigningKey& admin_key) {
  std::vector<std::string> argv = {options.nightsafed, "init",
                                   options.data_directory, "--admin-key",
                                   admin_key.verify_key().Hex()};
  argv.insert(argv.end(), options.init_arguments.begin(),
              options.init_arguments.end());
  NS_ASSIGN_OR_RETURN(
      std::unique_ptr<ChildProcess> init,
      ChildProcess::Start(argv, /*keep_stdin=*/false, /*quiet=*/true));
  return init->Wait();
}

// Registers the vault with a server that runs only for this.
absl::Status RegisterVault(const SetupOptions& options, const VaultFile& vault,
                           SetupResult& result) {
  NS_ASSIGN_OR_RETURN(
      std::unique_ptr<ChildProcess> server,
      ChildProcess::Start({options.nightsafed, "serve", options.data_directory},
                          /*keep_stdin=*/false, /*quiet=*/true));
  NS_RETURN_IF_ERROR(
      WaitForSocket(options.admin_socket, *server, kStartPatience));
  NS_ASSIGN_OR_RETURN(
      std::unique_ptr<ServerLink> link,
      ServerLink::Open(absl::StrCat("unix:", options.admin_socket)));
  NS_RETURN_IF_ERROR(AddVaultToServer(link->client(), vault));
  NS_ASSIGN_OR_RETURN(v1::GetServerReply about, link->client().GetServer());
  NS_ASSIGN_OR_RETURN(result.server,
                      ServerId::FromBytes(AsBytes(about.server_id())));
  result.server_address = about.server_address();
  link.reset();
  return server->Stop();
}

}  // namespace

absl::StatusOr<SetupResult> SetUp(FileSystem& fs, const SetupOptions& options) {
  NS_RETURN_IF_ERROR(ValidateName("vault", options.vault));
  SetupResult result;
  const std::string& home = options.admin_directory;
  result.admin_key_path = absl::StrCat(home, "/admin.key");
  result.enrol_key_path = absl::StrCat(home, "/enrol-", options.vault, ".key");
  result.vault_file_path = absl::StrCat(home, "/", options.vault, ".vault");
  for (const std::string& path :
       {result.admin_key_path, result.enrol_key_path, result.vault_file_path,
        options.recovery_key_path}) {
    NS_RETURN_IF_ERROR(RequireAbsent(fs, path));
  }
  NS_RETURN_IF_ERROR(RequireEmpty(fs, options.data_directory));

  const SigningKey admin_key = SigningKey::Generate();
  const BoxKey recovery_key = BoxKey::Generate();
  NS_ASSIGN_OR_RETURN(
      NewVault vault,
      CreateVault(options.vault, {recovery_key.public_key()}, &admin_key));
  result.vault = vault.file.id;
  NS_ASSIGN_OR_RETURN(
      result.recovery_key_text,
      EncodeRecoveryKeyFile(recovery_key,
                            absl::StrCat("recovery of vault ", options.vault),
                            options.recovery_passphrase, options.cost));
  NS_ASSIGN_OR_RETURN(
      std::string admin_text,
      EncodeAdminKeyFile(admin_key, "first admin", options.admin_passphrase,
                         options.cost));
  NS_ASSIGN_OR_RETURN(
      std::string enrol_text,
      EncodeEnrolKeyFile(vault.keyring.DeriveEnrolKey(),
                         absl::StrCat("enrolment into vault ", options.vault),
                         options.admin_passphrase, options.cost));

  NS_RETURN_IF_ERROR(MakeDirectoriesDurably(fs, home, 0700));
  NS_RETURN_IF_ERROR(
      MakeDirectoriesDurably(fs, DirectoryOf(options.recovery_key_path), 0700));
  NS_RETURN_IF_ERROR(
      MakeDirectoriesDurably(fs, DirectoryOf(options.data_directory), 0755));
  NS_RETURN_IF_ERROR(Create(fs, options.recovery_key_path,
                            result.recovery_key_text, kSecretMode));
  NS_RETURN_IF_ERROR(
      Create(fs, result.admin_key_path, admin_text, kSecretMode));
  NS_RETURN_IF_ERROR(
      Create(fs, result.enrol_key_path, enrol_text, kSecretMode));
  NS_RETURN_IF_ERROR(Create(fs, result.vault_file_path,
                            EncodeVaultFile(vault.file), kPublicMode));
  absl::Status status = InitServer(options, admin_key);
  if (status.ok()) status = RegisterVault(options, vault.file, result);
  if (!status.ok()) {
    return absl::Status(
        status.code(),
        absl::StrCat(status.message(), "; the keys in ", home, " and ",
                     options.recovery_key_path,
                     " were made and belong to nothing yet: remove them and ",
                     options.data_directory,
                     ", mend the cause, and set up "
                     "again"));
  }
  return result;
}

std::string RecoverySheet(const SetupOptions& options,
                          const SetupResult& result) {
  return absl::StrCat(
      "NIGHTSAFE RECOVERY SHEET - print it and keep it away from the server\n"
      "\n"
      "vault        ",
      options.vault,
      "\n"
      "vault id     ",
      result.vault.Hex(),
      "\n"
      "server       ",
      result.server_address,
      "\n"
      "server id    ",
      result.server.Hex(),
      "\n"
      "data         ",
      options.data_directory,
      "\n"
      "recovery key (also in ",
      options.recovery_key_path,
      "; its passphrase is "
      "not on this sheet):\n\n",
      result.recovery_key_text,
      "\nWith this key, its passphrase and the server's data directory every "
      "snapshot opens:\n"
      "  nightsafed rescue DATA, then\n"
      "  nightsafe --server unix:SOCKET --key recovery.key --vault-id ",
      result.vault.Hex(), " snapshots\n");
}

}  // namespace nightsafe
