// nightsafe key create | derive | show

#include "client/admin/vault_file.h"
#include "client/cli/commands.h"
#include "client/terminal/passphrase.h"
#include "common/base/status.h"
#include "common/crypto/key_file.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

using v1::format::KeyFile;

constexpr size_t kMaxFileBytes = 1 << 20;

struct KeyOptions {
  std::string kind;
  std::string file;
  std::string vault_file;
  std::string recovery_key;
  std::string label = "recovery key";
  PassphraseSource passphrase;
  PassphraseSource recovery_passphrase;
};

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  return ReadWholeFile(*NewPosixFileSystem(), path, kMaxFileBytes);
}

absl::Status WriteKey(const std::string& path, std::string text) {
  const absl::Status status =
      CreateFileDurably(*NewPosixFileSystem(), path, AsBytes(text), 0600);
  EraseString(text);
  if (absl::IsAlreadyExists(status)) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, " exists; a key file is never replaced"));
  }
  return status;
}

absl::StatusOr<ExitCode> Create(const KeyOptions& options) {
  NS_ASSIGN_OR_RETURN(
      std::string secret,
      options.passphrase.Choose("new passphrase of the recovery key"));
  const BoxKey key = BoxKey::Generate();
  absl::StatusOr<std::string> text =
      EncodeRecoveryKeyFile(key, options.label, secret);
  EraseString(secret);
  NS_RETURN_IF_ERROR(text.status());
  NS_RETURN_IF_ERROR(WriteKey(options.file, *std::move(text)));
  std::printf("%s\n", key.public_key().Hex().c_str());
  std::fprintf(stderr,
               "recovery key in %s, its public key above\n"
               "next:  nightsafe vault create NAME --recovery %s\n",
               options.file.c_str(), options.file.c_str());
  return kExitOk;
}

absl::StatusOr<Keyring> OpenVaultKeyring(const KeyOptions& options) {
  NS_ASSIGN_OR_RETURN(std::string vault_text, ReadFile(options.vault_file));
  absl::StatusOr<VaultFile> decoded = DecodeVaultFile(vault_text);
  if (!decoded.ok()) return Annotate(decoded.status(), options.vault_file);
  const VaultFile& vault = *decoded;
  NS_ASSIGN_OR_RETURN(std::string key_text, ReadFile(options.recovery_key));
  NS_ASSIGN_OR_RETURN(
      std::string secret,
      options.recovery_passphrase.Ask("passphrase of " + options.recovery_key));
  absl::StatusOr<BoxKey> recovery = DecodeRecoveryKeyFile(key_text, secret);
  EraseString(secret);
  if (!recovery.ok()) {
    return Annotate(recovery.status(), options.recovery_key);
  }
  return OpenKeyring(AsBytes(vault.sealed_keyring), *recovery, vault.id);
}

absl::StatusOr<std::string> EncodeDerived(const KeyOptions& options,
                                          const Keyring& keyring,
                                          const std::string& secret) {
  const std::string label =
      options.kind + " key of vault " + keyring.vault_id().Hex().substr(0, 16);
  if (options.kind == "read") {
    return EncodeReadKeyFile(keyring.DeriveReadKey(), label, secret);
  }
  if (options.kind == "enrol") {
    return EncodeEnrolKeyFile(keyring.DeriveEnrolKey(), label, secret);
  }
  if (!keyring.has_admin_seed()) {
    return absl::NotFoundError("this keyring holds no admin key");
  }
  return EncodeAdminKeyFile(SigningKey::FromSeed(keyring.admin_seed()), label,
                            secret);
}

absl::StatusOr<ExitCode> Derive(const KeyOptions& options) {
  NS_ASSIGN_OR_RETURN(Keyring keyring, OpenVaultKeyring(options));
  NS_ASSIGN_OR_RETURN(std::string secret,
                      options.passphrase.Choose("new passphrase of the " +
                                                options.kind + " key"));
  absl::StatusOr<std::string> text = EncodeDerived(options, keyring, secret);
  EraseString(secret);
  NS_RETURN_IF_ERROR(text.status());
  NS_RETURN_IF_ERROR(WriteKey(options.file, *std::move(text)));
  std::fprintf(stderr, "%s key of vault %s in %s\n", options.kind.c_str(),
               keyring.vault_id().Hex().c_str(), options.file.c_str());
  return kExitOk;
}

absl::StatusOr<ExitCode> Show(const KeyOptions& options) {
  NS_ASSIGN_OR_RETURN(std::string text, ReadFile(options.file));
  NS_ASSIGN_OR_RETURN(KeyFileSummary summary, DescribeKeyFile(text));
  std::printf("kind        %s\nlabel       %s\npassphrase  %s\n",
              KeyFile::Kind_Name(summary.kind).c_str(), summary.label.c_str(),
              summary.is_protected ? "yes" : "no");
  if (!summary.public_key.empty()) {
    std::printf("public key  %s\n",
                HexEncode(AsBytes(summary.public_key)).c_str());
  }
  if (summary.kind == KeyFile::RECOVERY) {
    NS_ASSIGN_OR_RETURN(BoxPublicKey key,
                        BoxPublicKey::FromBytes(AsBytes(summary.public_key)));
    std::printf("key id      %s\n", KeyIdOf(key).Hex().c_str());
  }
  if (!summary.vault_id.empty()) {
    std::printf("vault id    %s\n",
                HexEncode(AsBytes(summary.vault_id)).c_str());
  }
  return kExitOk;
}

}  // namespace

void AddKeyCommands(Program& program) {
  CLI::App* key = program.AddCommand("key", "Recovery, read and enrol keys");
  key->require_subcommand(1);

  auto create = std::make_shared<KeyOptions>();
  CLI::App* command = program.AddCommand(
      "create",
      "Make a recovery key, to be kept offline; prints its public key", key);
  command->add_option("FILE", create->file, "new file")->required();
  command->add_option("--label", create->label, "shown by `key show`");
  create->passphrase.AddOptions(command);
  program.OnRun(command, [create] { return Create(*create); });

  auto derive = std::make_shared<KeyOptions>();
  command = program.AddCommand(
      "derive",
      "With the recovery key, take a key out of a vault's keyring: read (opens "
      "snapshots), enrol (lets hosts in), admin (after a lost admin key)",
      key);
  command->add_option("KIND", derive->kind, "read, enrol or admin")
      ->required()
      ->check(CLI::IsMember({"read", "enrol", "admin"}));
  command->add_option("FILE", derive->file, "new file")->required();
  command->add_option("--vault-file", derive->vault_file, "NAME.vault")
      ->required();
  command->add_option("--recovery", derive->recovery_key, "recovery key file")
      ->required();
  derive->passphrase.AddOptions(command);
  derive->recovery_passphrase.AddOptions(command, "recovery-");
  program.OnRun(command, [derive] { return Derive(*derive); });

  auto show = std::make_shared<KeyOptions>();
  command = program.AddCommand("show", "What a key file is; asks nothing", key);
  command->add_option("FILE", show->file)->required();
  program.OnRun(command, [show] { return Show(*show); });
}

}  // namespace nightsafe
