#include "client/admin/vault_file.h"

#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "common/base/names.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

using Json = nlohmann::json;

constexpr char kFormat[] = "nightsafe-vault-1";

absl::StatusOr<VaultFile> FromJson(const Json& json) {
  if (json.at("format").get<std::string>() != kFormat) {
    return absl::InvalidArgumentError("a vault file of another version");
  }
  VaultFile vault;
  vault.name = json.at("name").get<std::string>();
  NS_RETURN_IF_ERROR(ValidateName("vault", vault.name));
  NS_ASSIGN_OR_RETURN(vault.id,
                      VaultId::FromHex(json.at("vault_id").get<std::string>()));
  NS_ASSIGN_OR_RETURN(
      vault.verify_key,
      VerifyKey::FromHex(json.at("verify_key").get<std::string>()));
  NS_ASSIGN_OR_RETURN(
      vault.opening_public_key,
      BoxPublicKey::FromHex(json.at("opening_key").get<std::string>()));
  if (!absl::Base64Unescape(json.at("sealed_keyring").get<std::string>(),
                            &vault.sealed_keyring)) {
    return absl::InvalidArgumentError("the sealed keyring is not base64");
  }
  NS_ASSIGN_OR_RETURN(VaultId sealed_for,
                      SealedKeyringVault(AsBytes(vault.sealed_keyring)));
  if (sealed_for != vault.id) {
    return absl::InvalidArgumentError("the keyring is of another vault");
  }
  return vault;
}

}  // namespace

std::string EncodeVaultFile(const VaultFile& vault) {
  const Json json = {
      {"format", kFormat},
      {"name", vault.name},
      {"vault_id", vault.id.Hex()},
      {"verify_key", vault.verify_key.Hex()},
      {"opening_key", vault.opening_public_key.Hex()},
      {"sealed_keyring", absl::Base64Escape(vault.sealed_keyring)}};
  return json.dump(2) + "\n";
}

absl::StatusOr<VaultFile> DecodeVaultFile(absl::string_view text) {
  try {
    return FromJson(Json::parse(text.begin(), text.end()));
  } catch (const Json::exception&) {
    return absl::InvalidArgumentError(
        "not a vault file: those are made by `nightsafe vault create`");
  }
}

absl::Status AddVaultToServer(const AdminClient& server,
                              const VaultFile& vault) {
  v1::AddVaultRequest request;
  request.set_name(vault.name);
  request.set_vault_id(std::string(vault.id.text()));
  request.set_verify_key(std::string(vault.verify_key.text()));
  request.set_opening_public_key(std::string(vault.opening_public_key.text()));
  request.set_sealed_keyring(vault.sealed_keyring);
  return server.AddVault(request);
}

absl::StatusOr<NewVault> CreateVault(
    absl::string_view name, const std::vector<BoxPublicKey>& recovery_keys,
    const SigningKey* admin_key) {
  NS_RETURN_IF_ERROR(ValidateName("vault", name));
  Keyring keyring = Keyring::Create();
  if (admin_key != nullptr) keyring.SetAdminSeed(admin_key->seed());
  VaultFile file{.name = std::string(name),
                 .id = keyring.vault_id(),
                 .verify_key = keyring.verify_key(),
                 .opening_public_key = keyring.opening_public_key()};
  NS_ASSIGN_OR_RETURN(file.sealed_keyring, SealKeyring(keyring, recovery_keys));
  return NewVault{.file = std::move(file), .keyring = std::move(keyring)};
}

}  // namespace nightsafe
