// Orders about hosts and tokens.
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "server/catalog/principals.h"
#include "server/catalog/record_fields.h"

namespace nightsafe {

using v1::format::Order;
using v1::format::SignedOrder;

namespace {

constexpr absl::Duration kMaxOrderAge = absl::Hours(7 * 24);

}  // namespace

absl::Status Principals::CheckAge(const Order& order, absl::Time now) {
  if (!order.has_rekey_host() && !order.has_replace_host()) {
    return absl::OkStatus();
  }
  const absl::Time issued = absl::FromUnixNanos(order.issued_unix_ns());
  if (absl::AbsDuration(now - issued) <= kMaxOrderAge) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the order was signed at ", absl::FormatTime(issued),
                   ", the server has ", absl::FormatTime(now),
                   ": it counts for ", absl::FormatDuration(kMaxOrderAge),
                   "; correct the clock that is wrong, then give it again"));
}

absl::StatusOr<HostRegistration*> Principals::HostOf(const Order& order,
                                                     const std::string& name) {
  const auto host = hosts_.find({order.vault(), name});
  if (host != hosts_.end()) return &host->second;
  return absl::NotFoundError(
      absl::StrCat("there is no host ", name, " of vault ", order.vault()));
}

absl::Status Principals::ApplyOrdered(const SignedOrder& signed_order) {
  NS_ASSIGN_OR_RETURN(const Order order, Verify(signed_order));
  switch (order.action_case()) {
    case Order::kRemoveHost:
      NS_RETURN_IF_ERROR(RemoveHost(order));
      break;
    case Order::kRekeyHost:
      NS_RETURN_IF_ERROR(Unenrol(order, order.rekey_host().host(),
                                 order.rekey_host().stolen()));
      break;
    case Order::kReplaceHost:
      NS_RETURN_IF_ERROR(
          Unenrol(order, order.replace_host().host(), /*stolen=*/false));
      break;
    case Order::kRevokeToken:
      NS_RETURN_IF_ERROR(RevokeToken(order.revoke_token().token_hash()));
      break;
    default:
      return absl::InvalidArgumentError(
          "the order does not concern the server's registry");
  }
  nonces_.insert(order.nonce());
  ++revocations_;
  return absl::OkStatus();
}

absl::Status Principals::RemoveHost(const Order& order) {
  NS_ASSIGN_OR_RETURN(HostRegistration * host,
                      HostOf(order, order.remove_host().host()));
  host->revoked = true;
  host->removed = true;
  return absl::OkStatus();
}

// The next enrolment makes it another machine of that name, or the same with
// new keys; what was revoked before is let in again by this order alone.
absl::Status Principals::Unenrol(const Order& order, const std::string& name,
                                 bool stolen) {
  NS_ASSIGN_OR_RETURN(HostRegistration * host, HostOf(order, name));
  ++host->host_epoch;
  if (stolen) ++host->domain_epoch;
  host->enrolled = false;
  host->revoked = false;
  host->removed = false;
  host->fingerprint = {};
  host->certificate_expires = {};
  std::erase_if(tokens_, [&](const auto& token) {
    const TokenGrant& grant = token.second.grant;
    return grant.kind == PrincipalKind::kHost && grant.vault == host->vault &&
           grant.name == host->name;
  });
  return absl::OkStatus();
}

absl::Status Principals::RevokeToken(const std::string& token_hash) {
  TokenHash hash;
  NS_RETURN_IF_ERROR(TakeField("token hash", token_hash, hash));
  const auto token = tokens_.find(hash);
  if (token == tokens_.end()) {
    return absl::NotFoundError(
        absl::StrCat("there is no token with hash ", hash.Hex()));
  }
  if (token->second.used) {
    return absl::FailedPreconditionError(
        absl::StrCat("that token was used by ", token->second.grant.name,
                     ": revoke that one instead"));
  }
  tokens_.erase(token);
  return absl::OkStatus();
}

std::vector<TokenInfo> Principals::Tokens() const {
  std::vector<TokenInfo> tokens;
  for (const auto& [hash, token] : tokens_) {
    if (IsRevoked(token.grant)) continue;
    tokens.push_back({.hash = hash,
                      .grant = token.grant,
                      .expires = token.expires,
                      .used = token.used});
  }
  return tokens;
}

}  // namespace nightsafe
