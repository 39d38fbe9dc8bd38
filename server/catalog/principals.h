// What the server journal says, in memory: vaults, hosts, readers, admins,
// tokens, admin keys. No I/O and no clock.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "nightsafe/v1/format/journal.pb.h"
#include "server/catalog/registry.h"

namespace nightsafe {

struct TokenState {
  TokenGrant grant;
  absl::Time expires;
  bool used = false;
  KeyFingerprint key;             // once used
  IssuedCertificate certificate;  // once used
};

// A value: a copy can be tried on and thrown away. Thread-compatible.
class Principals {
 public:
  // Carries out one record, or changes nothing. Orders are verified against the
  // admin keys known so far, so a record that no admin signed is not obeyed.
  // Errors: as Registry's calls have them; INVALID_ARGUMENT for a record that
  // no server writes.
  absl::Status Apply(const v1::format::ServerRecord& record);

  bool initialized() const { return !server_.IsZero(); }
  const ServerId& server() const { return server_; }
  const VerifyKey& first_admin_key() const { return first_admin_key_; }
  uint64_t revocations() const { return revocations_; }
  const std::vector<VaultRegistration>& vaults() const { return vaults_; }

  // Null if there is none.
  const VaultRegistration* FindVault(absl::string_view name) const;
  const HostRegistration* FindHost(absl::string_view vault,
                                   absl::string_view host) const;
  const ReaderRegistration* FindReader(absl::string_view reader) const;
  const AdminRegistration* FindAdmin(absl::string_view admin) const;
  // Null also for a token that was replaced, or whose principal is revoked.
  const TokenState* FindToken(const TokenHash& token) const;
  // The last one of a principal that is enrolled with this key. Null if there
  // is none, or it is revoked.
  const IssuedCertificate* FindCertificate(const TokenGrant& principal,
                                           const KeyFingerprint& key) const;
  std::vector<HostRegistration> Hosts() const;
  std::vector<ReaderRegistration> Readers() const;
  std::vector<AdminRegistration> Admins() const;
  std::vector<TokenInfo> Tokens() const;
  const std::vector<v1::format::SignedOrder>& admin_key_orders() const {
    return admin_key_orders_;
  }

  // INVALID_ARGUMENT, PERMISSION_DENIED; whether it was obeyed before is not
  // looked at.
  absl::StatusOr<v1::format::Order> Verify(
      const v1::format::SignedOrder& order) const;
  // FAILED_PRECONDITION: an order that lets in again whom another one revoked
  // was signed more than a week before or after `now`. One that was kept back
  // is not what its admin means any more. For orders that come in; what the
  // journal has was judged then.
  static absl::Status CheckAge(const v1::format::Order& order, absl::Time now);
  bool HasSeen(const std::string& nonce) const { return nonces_.count(nonce); }

  // Numbers that a new host would get.
  uint32_t NextWriter() const { return last_writer_ + 1; }
  uint32_t NextDomainNumber(absl::string_view vault) const;

 private:
  using ServerRecord = v1::format::ServerRecord;
  using HostKey = std::pair<std::string, std::string>;  // vault, host

  absl::Status ApplyInit(const ServerRecord::Init& init);
  absl::Status ApplyVault(const ServerRecord::VaultAdded& added);
  absl::Status ApplyPrincipal(const ServerRecord::PrincipalAdded& added);
  absl::Status ApplyHost(const ServerRecord::PrincipalAdded& added);
  absl::Status ApplyReader(const ServerRecord::PrincipalAdded& added);
  absl::Status ApplyTokenIssued(const ServerRecord::TokenIssued& issued);
  absl::Status ApplyTokenUsed(const ServerRecord::TokenUsed& used);
  absl::Status ApplyRenewed(const ServerRecord::Renewed& renewed);
  // Takes a certificate for this key as the principal's own.
  absl::Status Enrol(const TokenGrant& principal, const KeyFingerprint& key,
                     const IssuedCertificate& certificate);
  absl::Status ApplyAdminAdded(const ServerRecord::AdminAdded& added);
  // ALREADY_EXISTS: it may not become the admin's, now or ever.
  absl::Status CheckNewAdmin(const std::string& name,
                             const KeyFingerprint& key) const;
  const AdminRegistration* FindAdminWithKey(const KeyFingerprint& key) const;
  absl::Status RevokeAdmin(const v1::format::Order& order);
  absl::Status RevokeReader(const v1::format::Order& order);
  absl::Status ApplyRevoked(const v1::format::SignedOrder& signed_order);
  absl::Status ApplyOrdered(const v1::format::SignedOrder& signed_order);
  absl::Status Unenrol(const v1::format::Order& order, const std::string& name,
                       bool stolen);
  absl::Status RemoveHost(const v1::format::Order& order);
  absl::Status RevokeToken(const std::string& token_hash);
  absl::StatusOr<HostRegistration*> HostOf(const v1::format::Order& order,
                                           const std::string& name);
  absl::Status ApplyAdminKey(const v1::format::SignedOrder& signed_order);
  absl::Status CheckDomain(const ServerRecord::PrincipalAdded& added) const;
  absl::Status CheckNewHost(const ServerRecord::PrincipalAdded& added) const;
  // Also of whom there is none.
  bool IsRevoked(const TokenGrant& grant) const;
  // Of one that is registered: it is enrolled, with that key.
  bool HasKey(const TokenGrant& principal, const KeyFingerprint& key) const;

  ServerId server_;
  VerifyKey first_admin_key_;
  std::map<KeyId, VerifyKey> admin_keys_;
  std::vector<VaultRegistration> vaults_;
  std::map<HostKey, HostRegistration> hosts_;
  std::map<std::string, ReaderRegistration> readers_;
  std::map<std::string, AdminRegistration> admins_;
  std::map<TokenHash, TokenState> tokens_;
  std::map<TokenGrant, IssuedCertificate> certificates_;  // the last of each
  std::vector<v1::format::SignedOrder> admin_key_orders_;
  std::set<std::string> nonces_;
  uint32_t last_writer_ = 0;
  uint64_t revocations_ = 0;
};

}  // namespace nightsafe
