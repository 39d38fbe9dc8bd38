#include "client/admin/grant.h"

#include <algorithm>

#include "client/admin/orders.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/crypto/blake3.h"
#include "common/crypto/random.h"
#include "common/order/order.h"

namespace nightsafe {
namespace {

using v1::format::Enrolment;

constexpr size_t kTokenBytes = 32;

// What both kinds have in common; the token is in it.
absl::StatusOr<Enrolment> Begin(const AdminClient& server, Enrolment::Role role,
                                absl::string_view name, absl::Time expires) {
  NS_ASSIGN_OR_RETURN(v1::GetServerReply about, server.GetServer());
  Enrolment enrolment;
  enrolment.set_version(1);
  enrolment.set_role(role);
  enrolment.set_name(std::string(name));
  enrolment.set_server_address(about.server_address());
  enrolment.set_enrol_address(about.enrol_address());
  enrolment.set_server_id(about.server_id());
  enrolment.set_ca_certificate_der(about.ca_certificate_der());
  enrolment.set_expires_unix_ns(absl::ToUnixNanos(expires));
  std::string token(kTokenBytes, '\0');
  FillRandom(AsMutableBytes(token));
  enrolment.set_token(token);
  return enrolment;
}

std::string TokenHashOf(const Enrolment& enrolment) {
  const Hash32 hash = HashOf(AsBytes(enrolment.token()));
  return std::string(AsText(hash));
}

absl::StatusOr<v1::AdminVault> FindVault(const AdminClient& server,
                                         absl::string_view name) {
  NS_ASSIGN_OR_RETURN(std::vector<v1::AdminVault> vaults, server.ListVaults());
  const auto found =
      std::find_if(vaults.begin(), vaults.end(),
                   [&](const v1::AdminVault& v) { return v.name() == name; });
  if (found != vaults.end()) return *found;
  return absl::NotFoundError(absl::StrCat(
      "the server has no vault \"", name,
      "\": see `nightsafe-admin vault list` and `nightsafe-admin vault add`"));
}

}  // namespace

absl::StatusOr<Enrolment> GrantHost(const AdminClient& server,
                                    const EnrolKey& enrol_key,
                                    absl::string_view vault,
                                    absl::string_view host,
                                    absl::Time expires) {
  NS_RETURN_IF_ERROR(ValidateName("host", host));
  NS_ASSIGN_OR_RETURN(v1::AdminVault registered, FindVault(server, vault));
  if (registered.vault_id() != enrol_key.vault_id.text()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the enrol key is of vault ", enrol_key.vault_id.Hex().substr(0, 16),
        "…, the server's vault \"", vault, "\" is ",
        HexEncode(AsBytes(registered.vault_id())).substr(0, 16), "…"));
  }
  NS_ASSIGN_OR_RETURN(Enrolment enrolment,
                      Begin(server, Enrolment::HOST, host, expires));
  v1::AddHostRequest request;
  request.set_vault(std::string(vault));
  request.set_name(std::string(host));
  request.set_token_hash(TokenHashOf(enrolment));
  request.set_expires_unix_ns(enrolment.expires_unix_ns());
  request.set_domain(std::string(host));
  NS_ASSIGN_OR_RETURN(v1::AddTokenReply epochs, server.AddHost(request));
  const DepositKey key = MintDepositKey(enrol_key, host, epochs.host_epoch(),
                                        host, epochs.domain_epoch());
  *enrolment.mutable_deposit_key() = ToProto(key);
  enrolment.add_vaults(std::string(vault));
  enrolment.add_vault_ids(registered.vault_id());
  return enrolment;
}

absl::StatusOr<Enrolment> GrantReader(const AdminClient& server,
                                      absl::string_view reader,
                                      const std::vector<std::string>& vaults,
                                      absl::Time expires) {
  NS_RETURN_IF_ERROR(ValidateName("reader", reader));
  NS_ASSIGN_OR_RETURN(Enrolment enrolment,
                      Begin(server, Enrolment::READER, reader, expires));
  v1::AddReaderRequest request;
  request.set_name(std::string(reader));
  for (const std::string& name : vaults) {
    NS_ASSIGN_OR_RETURN(v1::AdminVault vault, FindVault(server, name));
    enrolment.add_vaults(name);
    enrolment.add_vault_ids(vault.vault_id());
    request.add_vaults(name);
  }
  request.set_token_hash(TokenHashOf(enrolment));
  request.set_expires_unix_ns(enrolment.expires_unix_ns());
  NS_RETURN_IF_ERROR(server.AddReader(request).status());
  return enrolment;
}

absl::Status RevokeHost(const AdminClient& server, const SigningKey& admin_key,
                        absl::string_view vault, absl::string_view host,
                        absl::string_view reason, absl::Time now) {
  NS_ASSIGN_OR_RETURN(v1::format::Order order, BeginOrder(server, vault, now));
  order.mutable_revoke_host()->set_host(std::string(host));
  order.mutable_revoke_host()->set_reason(std::string(reason));
  return server.SubmitOrder(SignOrder(admin_key, order));
}

absl::Status RemoveHost(const AdminClient& server, const SigningKey& admin_key,
                        absl::string_view vault, absl::string_view host,
                        absl::string_view reason, absl::Time now) {
  NS_ASSIGN_OR_RETURN(v1::format::Order order, BeginOrder(server, vault, now));
  order.mutable_remove_host()->set_host(std::string(host));
  order.mutable_remove_host()->set_reason(std::string(reason));
  return server.SubmitOrder(SignOrder(admin_key, order));
}

absl::Status ReplaceHost(const AdminClient& server, const SigningKey& admin_key,
                         absl::string_view vault, absl::string_view host,
                         absl::Time now) {
  NS_ASSIGN_OR_RETURN(v1::format::Order order, BeginOrder(server, vault, now));
  order.mutable_replace_host()->set_host(std::string(host));
  return server.SubmitOrder(SignOrder(admin_key, order));
}

absl::Status RekeyHost(const AdminClient& server, const SigningKey& admin_key,
                       absl::string_view vault, absl::string_view host,
                       bool stolen, absl::string_view reason, absl::Time now) {
  NS_ASSIGN_OR_RETURN(v1::format::Order order, BeginOrder(server, vault, now));
  order.mutable_rekey_host()->set_host(std::string(host));
  order.mutable_rekey_host()->set_stolen(stolen);
  order.mutable_rekey_host()->set_reason(std::string(reason));
  return server.SubmitOrder(SignOrder(admin_key, order));
}

absl::Status RevokeToken(const AdminClient& server, const SigningKey& admin_key,
                         absl::string_view token_hash, absl::Time now) {
  NS_ASSIGN_OR_RETURN(v1::format::Order order, BeginOrder(server, "", now));
  order.mutable_revoke_token()->set_token_hash(std::string(token_hash));
  return server.SubmitOrder(SignOrder(admin_key, order));
}

absl::Status RevokeAdmin(const AdminClient& server, const SigningKey& admin_key,
                         absl::string_view admin, absl::string_view reason,
                         absl::Time now) {
  NS_ASSIGN_OR_RETURN(v1::format::Order order, BeginOrder(server, "", now));
  order.mutable_revoke_admin()->set_admin(std::string(admin));
  order.mutable_revoke_admin()->set_reason(std::string(reason));
  return server.SubmitOrder(SignOrder(admin_key, order));
}

absl::Status RevokeReader(const AdminClient& server,
                          const SigningKey& admin_key, absl::string_view reader,
                          absl::string_view reason, absl::Time now) {
  NS_ASSIGN_OR_RETURN(v1::format::Order order, BeginOrder(server, "", now));
  order.mutable_revoke_reader()->set_reader(std::string(reader));
  order.mutable_revoke_reader()->set_reason(std::string(reason));
  return server.SubmitOrder(SignOrder(admin_key, order));
}

}  // namespace nightsafe
