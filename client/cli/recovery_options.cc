#include "client/cli/recovery_options.h"

#include <cstdio>

#include "client/admin/vault_file.h"
#include "common/base/status.h"
#include "common/crypto/key_file.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  return ReadWholeFile(*NewPosixFileSystem(), path, kMaxFileBytes);
}

}  // namespace

void RecoveryOptions::AddVault(CLI::App* command) {
  command->add_option("--vault", vault)->capture_default_str();
  command->add_option("--vault-id", vault_id,
                      "the id on the recovery sheet; default: that of "
                      "VAULT.vault in the admin directory");
}

void RecoveryOptions::AddKeys(CLI::App* command) {
  command->add_option("--recovery", recovery_key,
                      "recovery key file that opens the vault; default: "
                      "recovery.key of the admin directory");
  command->add_option("--admin-key", admin_key,
                      "default: admin.key of the admin directory");
  passphrase.AddOptions(command, "recovery-");
}

std::string RecoveryOptions::VaultFilePath(const AdminOptions& admin) const {
  return absl::StrCat(admin.directory, "/", vault, ".vault");
}

absl::StatusOr<StoredKeyring> RecoveryOptions::Fetch(
    const AdminOptions& admin, const AdminClient& server) const {
  NS_ASSIGN_OR_RETURN(const std::optional<VaultId> expected, Expected(admin));
  if (expected.has_value()) return FetchKeyring(server, vault, expected);
  return absl::InvalidArgumentError(absl::StrCat(
      "the server could show another vault: give --vault-id from the recovery "
      "sheet, or put the vault file at ",
      VaultFilePath(admin)));
}

absl::StatusOr<StoredKeyring> RecoveryOptions::FetchAny(
    const AdminOptions& admin, const AdminClient& server) const {
  NS_ASSIGN_OR_RETURN(const std::optional<VaultId> expected, Expected(admin));
  return FetchKeyring(server, vault, expected);
}

absl::StatusOr<std::optional<VaultId>> RecoveryOptions::Expected(
    const AdminOptions& admin) const {
  if (!vault_id.empty()) {
    const auto id = VaultId::FromHex(vault_id);
    if (!id.ok()) {
      return absl::InvalidArgumentError(
          "--vault-id: expected the 64 hex digits of the recovery sheet");
    }
    return *id;
  }
  const auto text = ReadFile(VaultFilePath(admin));
  if (!text.ok()) return std::nullopt;
  const auto file = DecodeVaultFile(*text);
  if (!file.ok()) return Annotate(file.status(), VaultFilePath(admin));
  return file->id;
}

absl::StatusOr<BoxKey> RecoveryOptions::LoadRecoveryKey(
    const AdminOptions& admin) const {
  const std::string path = recovery_key.empty()
                               ? absl::StrCat(admin.directory, "/recovery.key")
                               : recovery_key;
  absl::StatusOr<std::string> text = ReadFile(path);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(absl::StrCat("no recovery key at ", path,
                                            ": name its file with --recovery"));
  }
  NS_RETURN_IF_ERROR(text.status());
  NS_ASSIGN_OR_RETURN(std::string secret,
                      passphrase.Ask("passphrase of " + path));
  absl::StatusOr<BoxKey> key = DecodeRecoveryKeyFile(*text, secret);
  EraseString(secret);
  if (!key.ok()) return Annotate(key.status(), path);
  return key;
}

absl::StatusOr<BoxPublicKey> ReadRecoveryPublicKey(const std::string& text) {
  const absl::StatusOr<std::string> file = ReadFile(text);
  if (absl::IsNotFound(file.status())) {
    const auto key = BoxPublicKey::FromHex(text);
    if (key.ok()) return key;
    return absl::NotFoundError(absl::StrCat(
        text, " is neither a recovery key file nor the 64 hex digits of a ",
        "public key, as `nightsafe key create` prints it"));
  }
  NS_RETURN_IF_ERROR(file.status());
  const auto summary = DescribeKeyFile(*file);
  if (!summary.ok()) return Annotate(summary.status(), text);
  if (summary->kind != v1::format::KeyFile::RECOVERY) {
    return absl::InvalidArgumentError(
        absl::StrCat(text, " is not a recovery key but a ",
                     v1::format::KeyFile::Kind_Name(summary->kind), " key"));
  }
  return BoxPublicKey::FromBytes(AsBytes(summary->public_key));
}

}  // namespace nightsafe
