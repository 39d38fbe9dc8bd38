// nightsafe vault create

#include "client/admin/vault_file.h"
#include "client/cli/commands.h"
#include "client/cli/recovery_options.h"
#include "client/terminal/passphrase.h"
#include "common/base/status.h"
#include "common/crypto/key_file.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

constexpr size_t kMaxKeyFileBytes = 1 << 20;

struct VaultOptions {
  std::string name;
  std::vector<std::string> recovery_keys;
  std::string admin_key;
  std::string output;
  PassphraseSource passphrase;
};

absl::StatusOr<SigningKey> AdminKey(const VaultOptions& options) {
  NS_ASSIGN_OR_RETURN(std::string text,
                      ReadWholeFile(*NewPosixFileSystem(), options.admin_key,
                                    kMaxKeyFileBytes));
  NS_ASSIGN_OR_RETURN(
      std::string secret,
      options.passphrase.Ask("passphrase of " + options.admin_key));
  absl::StatusOr<SigningKey> key = DecodeAdminKeyFile(text, secret);
  EraseString(secret);
  return key;
}

absl::StatusOr<ExitCode> Create(const VaultOptions& options) {
  std::vector<BoxPublicKey> recovery_keys;
  for (const std::string& path : options.recovery_keys) {
    NS_ASSIGN_OR_RETURN(BoxPublicKey key, ReadRecoveryPublicKey(path));
    recovery_keys.push_back(key);
  }
  std::unique_ptr<SigningKey> admin;
  if (!options.admin_key.empty()) {
    NS_ASSIGN_OR_RETURN(SigningKey key, AdminKey(options));
    admin = std::make_unique<SigningKey>(std::move(key));
  }
  NS_ASSIGN_OR_RETURN(NewVault vault,
                      CreateVault(options.name, recovery_keys, admin.get()));
  const std::string path =
      options.output.empty() ? options.name + ".vault" : options.output;
  NS_RETURN_IF_ERROR(CreateFileDurably(
      *NewPosixFileSystem(), path, AsBytes(EncodeVaultFile(vault.file)), 0644));
  std::printf("%s\n", vault.file.id.Hex().c_str());
  std::fprintf(
      stderr,
      "vault %s in %s (not secret); its id above: write it down beside "
      "the recovery key\n"
      "next:  nightsafe-admin vault add %s\n",
      options.name.c_str(), path.c_str(), path.c_str());
  return kExitOk;
}

}  // namespace

void AddVaultCreateCommand(Program& program) {
  CLI::App* vault = program.AddCommand("vault", "Vaults and their keyrings");
  vault->require_subcommand(1);
  auto options = std::make_shared<VaultOptions>();
  CLI::App* command = program.AddCommand(
      "create", "Make a vault whose keyring opens with the recovery keys named",
      vault);
  command->add_option("NAME", options->name)->required();
  command
      ->add_option("--recovery", options->recovery_keys,
                   "recovery key file, of which only the public part is "
                   "read, or a public key")
      ->required();
  command->add_option("--admin-key", options->admin_key,
                      "also keep this admin key in the keyring");
  command->add_option("-o,--output", options->output, "default: NAME.vault");
  options->passphrase.AddOptions(command);
  program.OnRun(command, [options] { return Create(*options); });
}

}  // namespace nightsafe
