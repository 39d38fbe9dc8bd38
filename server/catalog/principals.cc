#include "server/catalog/principals.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/order/order.h"
#include "server/catalog/record_fields.h"

namespace nightsafe {
namespace {

using v1::format::Order;
using v1::format::SignedOrder;

constexpr size_t kMaxReaderVaults = 1024;
constexpr size_t kNonceBytes = 16;

}  // namespace

absl::Status Principals::Apply(const ServerRecord& record) {
  if (!initialized() && !record.has_init()) {
    return absl::InvalidArgumentError("the first record must be init");
  }
  switch (record.change_case()) {
    case ServerRecord::kInit:
      return ApplyInit(record.init());
    case ServerRecord::kVaultAdded:
      return ApplyVault(record.vault_added());
    case ServerRecord::kPrincipalAdded:
      return ApplyPrincipal(record.principal_added());
    case ServerRecord::kTokenIssued:
      return ApplyTokenIssued(record.token_issued());
    case ServerRecord::kTokenUsed:
      return ApplyTokenUsed(record.token_used());
    case ServerRecord::kRevoked:
      return ApplyRevoked(record.revoked().order());
    case ServerRecord::kAdminKeyAdded:
      return ApplyAdminKey(record.admin_key_added().order());
    case ServerRecord::kAdminAdded:
      return ApplyAdminAdded(record.admin_added());
    case ServerRecord::kRenewed:
      return ApplyRenewed(record.renewed());
    case ServerRecord::kOrdered:
      return ApplyOrdered(record.ordered().order());
    case ServerRecord::CHANGE_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError(
      "a record of a kind that this program does not know: it was written by a "
      "newer one");
}

absl::Status Principals::ApplyInit(const ServerRecord::Init& init) {
  if (initialized()) {
    return absl::InvalidArgumentError("there is a second init record");
  }
  ServerId server;
  VerifyKey key;
  NS_RETURN_IF_ERROR(TakeField("server id", init.server_id(), server));
  NS_RETURN_IF_ERROR(
      TakeField("first admin key", init.admin_public_key(), key));
  NS_RETURN_IF_ERROR(CheckServerId(server, key));
  server_ = server;
  first_admin_key_ = key;
  admin_keys_[KeyIdOf(key)] = key;
  return absl::OkStatus();
}

absl::Status Principals::ApplyVault(const ServerRecord::VaultAdded& added) {
  VaultRegistration vault{.name = added.name()};
  NS_RETURN_IF_ERROR(ValidateName("vault", vault.name));
  NS_RETURN_IF_ERROR(TakeField("vault id", added.vault_id(), vault.id));
  NS_RETURN_IF_ERROR(
      TakeField("verify key", added.verify_key(), vault.verify_key));
  NS_RETURN_IF_ERROR(TakeField("opening key id", added.opening_key_id(),
                               vault.opening_key_id));
  for (const VaultRegistration& other : vaults_) {
    if (other.name == vault.name || other.id == vault.id) {
      return absl::AlreadyExistsError(absl::StrCat(
          "vault ", other.name, " exists, with id ", other.id.Hex()));
    }
  }
  vaults_.push_back(std::move(vault));
  return absl::OkStatus();
}

absl::Status Principals::ApplyPrincipal(
    const ServerRecord::PrincipalAdded& added) {
  switch (added.role()) {
    case v1::format::HOST_ROLE:
      return ApplyHost(added);
    case v1::format::READER_ROLE:
      return ApplyReader(added);
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("principal of role ", added.role()));
  }
}

absl::Status Principals::CheckDomain(
    const ServerRecord::PrincipalAdded& added) const {
  for (const auto& [key, host] : hosts_) {
    if (host.vault != added.vault()) continue;
    if (host.domain == added.domain()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "domain ", added.domain(), " is that of host ", host.name,
          "; domains shared by several hosts are reserved, not offered"));
    }
    if (host.domain_number == added.domain_number()) {
      return absl::InvalidArgumentError(
          absl::StrCat("domain number ", host.domain_number,
                       " is that of host ", host.name));
    }
  }
  return absl::OkStatus();
}

absl::Status Principals::CheckNewHost(
    const ServerRecord::PrincipalAdded& added) const {
  NS_RETURN_IF_ERROR(ValidateName("host", added.name()));
  NS_RETURN_IF_ERROR(ValidateName("domain", added.domain()));
  if (FindVault(added.vault()) == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("there is no vault ", added.vault()));
  }
  if (FindHost(added.vault(), added.name()) != nullptr) {
    return absl::AlreadyExistsError(absl::StrCat(
        "host ", added.name(), " of vault ", added.vault(), " exists"));
  }
  if (added.writer() <= last_writer_ || added.domain_number() == 0 ||
      added.host_epoch() == 0 || added.domain_epoch() == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "host ", added.name(), " has writer number ", added.writer(), " after ",
        last_writer_, ", domain number ", added.domain_number(), ", epochs ",
        added.host_epoch(), " and ", added.domain_epoch()));
  }
  return CheckDomain(added);
}

absl::Status Principals::ApplyHost(const ServerRecord::PrincipalAdded& added) {
  NS_RETURN_IF_ERROR(CheckNewHost(added));
  hosts_[{added.vault(), added.name()}] = HostRegistration{
      .vault = added.vault(),
      .name = added.name(),
      .writer = added.writer(),
      .host_epoch = added.host_epoch(),
      .domain = added.domain(),
      .domain_epoch = added.domain_epoch(),
      .domain_number = added.domain_number(),
  };
  last_writer_ = added.writer();
  return absl::OkStatus();
}

absl::Status Principals::ApplyReader(
    const ServerRecord::PrincipalAdded& added) {
  NS_RETURN_IF_ERROR(ValidateName("reader", added.name()));
  const size_t count = static_cast<size_t>(added.vaults_size());
  if (count == 0 || count > kMaxReaderVaults) {
    return absl::InvalidArgumentError(
        absl::StrCat("reader ", added.name(), " of ", count,
                     " vaults, allowed are 1 to ", kMaxReaderVaults));
  }
  for (const std::string& vault : added.vaults()) {
    if (FindVault(vault) == nullptr) {
      return absl::NotFoundError(absl::StrCat("there is no vault ", vault));
    }
  }
  const AdminRegistration* admin = FindAdmin(added.name());
  if (admin != nullptr && admin->revoked) {
    return absl::AlreadyExistsError(
        absl::StrCat("admin ", added.name(), " is revoked: choose a name that ",
                     "was never taken from anybody"));
  }
  const ReaderRegistration* existing = FindReader(added.name());
  if (existing != nullptr && (existing->enrolled || existing->revoked)) {
    return absl::AlreadyExistsError(
        absl::StrCat("reader ", added.name(), " is ",
                     existing->revoked ? "revoked" : "enrolled"));
  }
  readers_[added.name()] = ReaderRegistration{
      .name = added.name(),
      .vaults = {added.vaults().begin(), added.vaults().end()},
  };
  return absl::OkStatus();
}

absl::StatusOr<Order> Principals::Verify(const SignedOrder& order) const {
  KeyId key_id;
  NS_RETURN_IF_ERROR(TakeField("admin key id", order.admin_key_id(), key_id));
  const auto key = admin_keys_.find(key_id);
  if (key == admin_keys_.end()) {
    return absl::PermissionDeniedError(
        absl::StrCat("the order is signed with key ", key_id.Hex(),
                     ", which is no admin key of this server"));
  }
  NS_ASSIGN_OR_RETURN(Order verified, VerifyOrder(order, key->second, server_));
  if (verified.nonce().size() != kNonceBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the order's nonce has ", verified.nonce().size(),
                     " bytes, must have ", kNonceBytes));
  }
  return verified;
}

absl::Status Principals::ApplyRevoked(const SignedOrder& signed_order) {
  NS_ASSIGN_OR_RETURN(const Order order, Verify(signed_order));
  if (order.has_revoke_host()) {
    NS_ASSIGN_OR_RETURN(HostRegistration * host,
                        HostOf(order, order.revoke_host().host()));
    host->revoked = true;
  } else if (order.has_revoke_reader() && order.vault().empty()) {
    NS_RETURN_IF_ERROR(RevokeReader(order));
  } else if (order.has_revoke_admin() && order.vault().empty()) {
    NS_RETURN_IF_ERROR(RevokeAdmin(order));
  } else {
    return absl::InvalidArgumentError("the order revokes nothing");
  }
  nonces_.insert(order.nonce());
  ++revocations_;
  return absl::OkStatus();
}

absl::Status Principals::RevokeReader(const Order& order) {
  const auto reader = readers_.find(order.revoke_reader().reader());
  if (reader == readers_.end()) {
    return absl::NotFoundError(
        absl::StrCat("there is no reader ", order.revoke_reader().reader()));
  }
  reader->second.revoked = true;
  return absl::OkStatus();
}

absl::Status Principals::ApplyAdminKey(const SignedOrder& signed_order) {
  NS_ASSIGN_OR_RETURN(const Order order, Verify(signed_order));
  if (!order.has_add_admin_key() || !order.vault().empty()) {
    return absl::InvalidArgumentError("the order adds no admin key");
  }
  VerifyKey key;
  NS_RETURN_IF_ERROR(
      TakeField("admin key", order.add_admin_key().public_key(), key));
  admin_keys_[KeyIdOf(key)] = key;
  admin_key_orders_.push_back(signed_order);
  nonces_.insert(order.nonce());
  return absl::OkStatus();
}

const VaultRegistration* Principals::FindVault(absl::string_view name) const {
  const auto found =
      std::find_if(vaults_.begin(), vaults_.end(),
                   [name](const auto& vault) { return vault.name == name; });
  return found == vaults_.end() ? nullptr : &*found;
}

const HostRegistration* Principals::FindHost(absl::string_view vault,
                                             absl::string_view host) const {
  const auto found = hosts_.find({std::string(vault), std::string(host)});
  return found == hosts_.end() ? nullptr : &found->second;
}

const ReaderRegistration* Principals::FindReader(
    absl::string_view reader) const {
  const auto found = readers_.find(std::string(reader));
  return found == readers_.end() ? nullptr : &found->second;
}

std::vector<HostRegistration> Principals::Hosts() const {
  std::vector<HostRegistration> hosts;
  for (const auto& [key, host] : hosts_) {
    if (!host.removed) hosts.push_back(host);
  }
  return hosts;
}

std::vector<ReaderRegistration> Principals::Readers() const {
  std::vector<ReaderRegistration> readers;
  for (const auto& [name, reader] : readers_) readers.push_back(reader);
  return readers;
}

uint32_t Principals::NextDomainNumber(absl::string_view vault) const {
  uint32_t last = 0;
  for (const auto& [key, host] : hosts_) {
    if (host.vault == vault) last = std::max(last, host.domain_number);
  }
  return last + 1;
}

}  // namespace nightsafe
