// Tokens, and the certificates that were given for them or renewed.
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "server/catalog/principals.h"
#include "server/catalog/record_fields.h"

namespace nightsafe {

namespace {

constexpr size_t kMaxCertificateBytes = 64 << 10;

std::string Describe(const TokenGrant& grant) {
  switch (grant.kind) {
    case PrincipalKind::kReader:
      return absl::StrCat("reader ", grant.name);
    case PrincipalKind::kAdmin:
      return absl::StrCat("admin ", grant.name);
    case PrincipalKind::kHost:
      break;
  }
  return absl::StrCat("host ", grant.name, " of vault ", grant.vault);
}

// Of a record: what is no reader's or admin's is a host's, which then has to be
// there.
PrincipalKind KindOf(v1::format::PrincipalRole role) {
  if (role == v1::format::READER_ROLE) return PrincipalKind::kReader;
  if (role == v1::format::ADMIN_ROLE) return PrincipalKind::kAdmin;
  return PrincipalKind::kHost;
}

}  // namespace

absl::Status Principals::ApplyTokenIssued(
    const ServerRecord::TokenIssued& issued) {
  TokenHash hash;
  NS_RETURN_IF_ERROR(TakeField("token hash", issued.token_hash(), hash));
  TokenState token{
      .grant = {.kind = KindOf(issued.role()),
                .vault = issued.vault(),
                .name = issued.name()},
      .expires = absl::FromUnixNanos(issued.expires_unix_ns()),
  };
  if (token.grant.kind == PrincipalKind::kAdmin) {
    return absl::InvalidArgumentError("admins get no tokens");
  }
  const bool of_reader = token.grant.kind == PrincipalKind::kReader;
  const HostRegistration* host = FindHost(issued.vault(), issued.name());
  const ReaderRegistration* reader = FindReader(issued.name());
  if (of_reader ? reader == nullptr : host == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("there is no ", Describe(token.grant)));
  }
  const bool enrolled = of_reader ? reader->enrolled : host->enrolled;
  if (enrolled || IsRevoked(token.grant)) {
    return absl::AlreadyExistsError(absl::StrCat(
        Describe(token.grant), " is ", enrolled ? "enrolled" : "revoked"));
  }
  if (tokens_.count(hash) != 0) {
    return absl::AlreadyExistsError("this token was issued before");
  }
  std::erase_if(tokens_, [&token](const auto& other) {
    return other.second.grant == token.grant;
  });
  tokens_[hash] = std::move(token);
  return absl::OkStatus();
}

absl::Status Principals::ApplyTokenUsed(const ServerRecord::TokenUsed& used) {
  TokenHash hash;
  KeyFingerprint key;
  NS_RETURN_IF_ERROR(TakeField("token hash", used.token_hash(), hash));
  NS_RETURN_IF_ERROR(
      TakeField("key fingerprint", used.public_key_fingerprint(), key));
  const auto found = tokens_.find(hash);
  if (found == tokens_.end() || found->second.used ||
      IsRevoked(found->second.grant)) {
    return absl::InvalidArgumentError(
        "a token was used that is unknown, used or void");
  }
  const AdminRegistration* admin = FindAdminWithKey(key);
  if (admin != nullptr) {
    return absl::AlreadyExistsError(absl::StrCat(
        "this key is that of admin ", admin->name, ": make a new one"));
  }
  TokenState& token = found->second;
  const IssuedCertificate certificate = {
      .der = used.certificate_der(),
      .not_after = absl::FromUnixNanos(used.not_after_unix_ns())};
  NS_RETURN_IF_ERROR(Enrol(token.grant, key, certificate));
  token.used = true;
  token.key = key;
  token.certificate = certificate;
  return absl::OkStatus();
}

absl::Status Principals::ApplyRenewed(const ServerRecord::Renewed& renewed) {
  KeyFingerprint key;
  NS_RETURN_IF_ERROR(
      TakeField("key fingerprint", renewed.public_key_fingerprint(), key));
  const TokenGrant principal{.kind = KindOf(renewed.role()),
                             .vault = renewed.vault(),
                             .name = renewed.name()};
  if (FindCertificate(principal, key) == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("a certificate was renewed for ", Describe(principal),
                     ", who was not enrolled with that key, or was revoked"));
  }
  return Enrol(principal, key,
               {.der = renewed.certificate_der(),
                .not_after = absl::FromUnixNanos(renewed.not_after_unix_ns())});
}

absl::Status Principals::Enrol(const TokenGrant& principal,
                               const KeyFingerprint& key,
                               const IssuedCertificate& certificate) {
  const size_t size = certificate.der.size();
  if (size == 0 || size > kMaxCertificateBytes) {
    return absl::InvalidArgumentError(absl::StrCat("certificate of ", size,
                                                   " bytes, allowed are 1 to ",
                                                   kMaxCertificateBytes));
  }
  const auto enrol = [&](auto& registration) {
    registration.enrolled = true;
    registration.fingerprint = key;
    registration.certificate_expires = certificate.not_after;
  };
  switch (principal.kind) {
    case PrincipalKind::kHost:
      enrol(hosts_.at({principal.vault, principal.name}));
      break;
    case PrincipalKind::kReader:
      enrol(readers_.at(principal.name));
      break;
    case PrincipalKind::kAdmin: {
      AdminRegistration& admin = admins_[principal.name];
      admin.name = principal.name;
      admin.fingerprint = key;
      admin.certificate_expires = certificate.not_after;
    }
  }
  certificates_[principal] = certificate;
  return absl::OkStatus();
}

const IssuedCertificate* Principals::FindCertificate(
    const TokenGrant& principal, const KeyFingerprint& key) const {
  const auto found = certificates_.find(principal);
  if (found == certificates_.end() || IsRevoked(principal)) return nullptr;
  return HasKey(principal, key) ? &found->second : nullptr;
}

bool Principals::HasKey(const TokenGrant& principal,
                        const KeyFingerprint& key) const {
  const auto enrolled_with = [&](const auto* registration) {
    return registration->enrolled && registration->fingerprint == key;
  };
  switch (principal.kind) {
    case PrincipalKind::kHost:
      return enrolled_with(FindHost(principal.vault, principal.name));
    case PrincipalKind::kReader:
      return enrolled_with(FindReader(principal.name));
    case PrincipalKind::kAdmin:
      return FindAdmin(principal.name)->fingerprint == key;
  }
  return false;
}

const TokenState* Principals::FindToken(const TokenHash& token) const {
  const auto found = tokens_.find(token);
  if (found == tokens_.end() || IsRevoked(found->second.grant)) return nullptr;
  return &found->second;
}

bool Principals::IsRevoked(const TokenGrant& grant) const {
  const auto revoked = [](const auto* registration) {
    return registration == nullptr || registration->revoked;
  };
  switch (grant.kind) {
    case PrincipalKind::kHost:
      return revoked(FindHost(grant.vault, grant.name));
    case PrincipalKind::kReader:
      return revoked(FindReader(grant.name));
    case PrincipalKind::kAdmin:
      return revoked(FindAdmin(grant.name));
  }
  return true;
}

}  // namespace nightsafe
