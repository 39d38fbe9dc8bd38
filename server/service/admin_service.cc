#include "server/service/admin_service.h"

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/crypto/keyring.h"
#include "common/pki/pki.h"
#include "server/authz/certificate_identity.h"
#include "server/service/convert.h"
#include "server/service/grpc_status.h"
#include "server/service/histories.h"

namespace nightsafe {
namespace {

absl::StatusOr<VaultRegistration> ToRegistration(
    const v1::AddVaultRequest& request) {
  NS_RETURN_IF_ERROR(ValidateName("vault", request.name()));
  VaultRegistration vault;
  vault.name = request.name();
  NS_ASSIGN_OR_RETURN(vault.id, ToId<VaultId>("vault_id", request.vault_id()));
  NS_ASSIGN_OR_RETURN(vault.verify_key,
                      ToId<VerifyKey>("verify_key", request.verify_key()));
  NS_ASSIGN_OR_RETURN(
      BoxPublicKey opening_key,
      ToId<BoxPublicKey>("opening_public_key", request.opening_public_key()));
  vault.opening_key_id = KeyIdOf(opening_key);
  if (request.sealed_keyring().empty()) return vault;
  NS_ASSIGN_OR_RETURN(VaultId sealed,
                      SealedKeyringVault(AsBytes(request.sealed_keyring())));
  if (sealed != vault.id) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the keyring is of vault ", sealed.Hex(), ", not of ", vault.id.Hex()));
  }
  return vault;
}

}  // namespace

grpc::Status AdminService::GetServer(grpc::ServerContext*,
                                     const v1::GetServerRequest*,
                                     v1::GetServerReply* reply) {
  const Registry& registry = data_.registry();
  reply->set_server_id(std::string(registry.server_id().text()));
  reply->set_admin_public_key(std::string(registry.first_admin_key().text()));
  reply->set_ca_certificate_der(description_.ca_certificate_der);
  reply->set_server_address(description_.server_address);
  reply->set_enrol_address(description_.enrol_address);
  reply->set_admin_address(description_.admin_address());
  reply->set_version(description_.version);
  return grpc::Status::OK;
}

grpc::Status AdminService::AddVault(grpc::ServerContext*,
                                    const v1::AddVaultRequest* request,
                                    v1::AddVaultReply*) {
  return ToGrpc(AddVault(*request));
}

absl::Status AdminService::AddVault(const v1::AddVaultRequest& request) {
  NS_ASSIGN_OR_RETURN(VaultRegistration vault, ToRegistration(request));
  return data_.AddVault(vault, AsBytes(request.sealed_keyring()));
}

grpc::Status AdminService::ListVaults(grpc::ServerContext*,
                                      const v1::AdminListVaultsRequest*,
                                      v1::AdminListVaultsReply* reply) {
  const std::vector<HostRegistration> hosts = data_.registry().Hosts();
  for (Vault* vault : data_.Vaults()) {
    const VaultRegistration& registration = vault->registration();
    v1::AdminVault& record = *reply->add_vaults();
    record.set_name(registration.name);
    record.set_vault_id(std::string(registration.id.text()));
    record.set_snapshots(vault->figures().snapshots);
    uint64_t count = 0;
    for (const auto& host : hosts) count += host.vault == registration.name;
    record.set_hosts(count);
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::AddHost(grpc::ServerContext*,
                                   const v1::AddHostRequest* request,
                                   v1::AddTokenReply* reply) {
  const auto host = AddHost(*request);
  if (!host.ok()) return ToGrpc(host.status());
  reply->set_host_epoch(host->host_epoch);
  reply->set_domain_epoch(host->domain_epoch);
  return grpc::Status::OK;
}

absl::StatusOr<HostRegistration> AdminService::AddHost(
    const v1::AddHostRequest& request) {
  NS_RETURN_IF_ERROR(ValidateName("host", request.name()));
  if (!request.domain().empty() && request.domain() != request.name()) {
    return absl::InvalidArgumentError(
        absl::StrCat("domain \"", request.domain(),
                     "\": this version gives "
                     "every host a domain of its own name"));
  }
  NS_ASSIGN_OR_RETURN(TokenHash token,
                      ToId<TokenHash>("token_hash", request.token_hash()));
  return data_.registry().AddHost(
      request.vault(), request.name(), request.domain(), token,
      absl::FromUnixNanos(request.expires_unix_ns()));
}

grpc::Status AdminService::AddReader(grpc::ServerContext*,
                                     const v1::AddReaderRequest* request,
                                     v1::AddTokenReply*) {
  return ToGrpc(AddReader(*request));
}

absl::Status AdminService::AddReader(const v1::AddReaderRequest& request) {
  NS_RETURN_IF_ERROR(ValidateName("reader", request.name()));
  if (request.vaults().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("reader ", request.name(), " without a vault to read"));
  }
  for (const std::string& vault : request.vaults()) {
    NS_RETURN_IF_ERROR(data_.FindVault(vault).status());
  }
  NS_ASSIGN_OR_RETURN(TokenHash token,
                      ToId<TokenHash>("token_hash", request.token_hash()));
  return data_.registry().AddReader(
      request.name(), {request.vaults().begin(), request.vaults().end()}, token,
      absl::FromUnixNanos(request.expires_unix_ns()));
}

grpc::Status AdminService::AddAdmin(grpc::ServerContext*,
                                    const v1::AddAdminRequest* request,
                                    v1::AddAdminReply* reply) {
  auto issued = AddAdmin(*request);
  if (!issued.ok()) return ToGrpc(issued.status());
  reply->set_certificate_der(std::move(issued->der));
  return grpc::Status::OK;
}

absl::StatusOr<IssuedCertificate> AdminService::AddAdmin(
    const v1::AddAdminRequest& request) {
  const ByteView csr = AsBytes(request.csr_der());
  NS_ASSIGN_OR_RETURN(PublicKeyFingerprint key, CsrFingerprint(csr));
  // Asked before: `issue` is called under the registry's lock.
  const ServerId server = data_.registry().server_id();
  return data_.registry().AddAdmin(
      request.order(), KeyFingerprint::FromValidBytes(key.view()),
      [&](const TokenGrant& admin) {
        return authority_.Issue(csr, IdentityOf(server, admin));
      });
}

grpc::Status AdminService::ListAdmins(grpc::ServerContext*,
                                      const v1::ListAdminsRequest*,
                                      v1::ListAdminsReply* reply) {
  for (const AdminRegistration& admin : data_.registry().Admins()) {
    v1::AdminRecord& record = *reply->add_admins();
    record.set_name(admin.name);
    record.set_revoked(admin.revoked);
    record.set_certificate_expires_unix_ns(
        absl::ToUnixNanos(admin.certificate_expires));
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::SubmitOrder(grpc::ServerContext*,
                                       const v1::SubmitOrderRequest* request,
                                       v1::SubmitOrderReply*) {
  return ToGrpc(data_.Obey(request->order(), request->sealed_keyring()));
}

grpc::Status AdminService::GetKeyring(grpc::ServerContext*,
                                      const v1::AdminGetKeyringRequest* request,
                                      v1::AdminGetKeyringReply* reply) {
  const auto vault = data_.FindVault(request->vault());
  if (!vault.ok()) return ToGrpc(vault.status());
  reply->set_vault_id(std::string((*vault)->registration().id.text()));
  reply->set_newest_manifest((*vault)->NewestManifest());
  (*vault)->Read([&](const VaultState& state) {
    const VaultKeys& keys = state.retention().keys();
    reply->set_sealed_keyring(keys.sealed_keyring());
    for (const KeyId& id : keys.RecoveryKeys()) {
      v1::RecoveryKeyState& key = *reply->add_recovery_keys();
      key.set_recovery_key_id(std::string(id.text()));
      const auto proven = keys.Proven(id);
      if (proven.has_value()) {
        key.set_proven_unix_ns(absl::ToUnixNanos(*proven));
      }
    }
  });
  return grpc::Status::OK;
}

grpc::Status AdminService::ListHosts(grpc::ServerContext*,
                                     const v1::ListHostsRequest* request,
                                     v1::ListHostsReply* reply) {
  const auto vaults = Selected(request->vault());
  if (!vaults.ok()) return ToGrpc(vaults.status());
  const std::vector<HostRegistration> hosts = data_.registry().Hosts();
  for (Vault* vault : *vaults) {
    const std::vector<SetSummary> sets = vault->Sets();
    for (const HostRegistration& host : hosts) {
      if (host.vault != vault->registration().name) continue;
      v1::HostRecord& record = *reply->add_hosts();
      record = ToRecord(host, sets);
      vault->Read([&](const VaultState& state) {
        AddRetention(state, sources_.clock.Now(), record);
      });
      if (const auto use = sources_.use_of(*vault, host); use.ok()) {
        record.set_stored_bytes(use->charged_bytes);
        record.set_stored_objects(use->objects);
        record.set_quota_bytes(use->limits.quota_bytes);
      }
    }
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::ListTokens(grpc::ServerContext*,
                                      const v1::ListTokensRequest*,
                                      v1::ListTokensReply* reply) {
  for (const TokenInfo& token : data_.registry().Tokens()) {
    v1::TokenRecord& record = *reply->add_tokens();
    record.set_token_hash(std::string(token.hash.text()));
    record.set_vault(token.grant.vault);
    record.set_name(token.grant.name);
    record.set_expires_unix_ns(absl::ToUnixNanos(token.expires));
    record.set_used(token.used);
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::ListReaders(grpc::ServerContext*,
                                       const v1::ListReadersRequest*,
                                       v1::ListReadersReply* reply) {
  for (const ReaderRegistration& reader : data_.registry().Readers()) {
    *reply->add_readers() = ToRecord(reader);
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::GetStatus(grpc::ServerContext*,
                                     const v1::GetStatusRequest* request,
                                     v1::GetStatusReply* reply) {
  *reply = MakeStatus(sources_, *request);
  return grpc::Status::OK;
}

absl::StatusOr<std::vector<Vault*>> AdminService::Selected(
    const std::string& vault) {
  if (vault.empty()) return data_.Vaults();
  NS_ASSIGN_OR_RETURN(Vault * found, data_.FindVault(vault));
  return std::vector<Vault*>{found};
}

}  // namespace nightsafe
