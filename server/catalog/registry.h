// Who may do what: the server journal, replayed into memory. Vaults, hosts,
// readers, admins, tokens, revocations, admin keys.
//
// Every change is a record that is durable before the call returns.
// Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/crypto/sealed_box.h"
#include "common/crypto/signature.h"
#include "common/io/file_system.h"
#include "nightsafe/v1/format/order.pb.h"

namespace nightsafe {

using TokenHash = Id<struct TokenHashTag, 32>;
// SHA-256 of a SubjectPublicKeyInfo (see common/pki).
using KeyFingerprint = Id<struct KeyFingerprintTag, 32>;

struct VaultRegistration {
  std::string name;
  VaultId id;
  VerifyKey verify_key;
  KeyId opening_key_id;
};

struct HostRegistration {
  std::string vault;
  std::string name;
  uint32_t writer = 0;  // number in pack records, unique in the server
  uint32_t host_epoch = 1;
  std::string domain;
  uint32_t domain_epoch = 1;
  uint32_t domain_number = 0;  // unique in the vault, from 1
  bool enrolled = false;
  bool revoked = false;
  bool removed = false;        // revoked, and no longer listed
  KeyFingerprint fingerprint;  // of the active certificate's key
  absl::Time certificate_expires;
};

struct ReaderRegistration {
  std::string name;
  std::vector<std::string> vaults;
  bool enrolled = false;
  bool revoked = false;
  KeyFingerprint fingerprint;
  absl::Time certificate_expires;
};

// Who may come to the admin listener. Orders are signed with an admin key,
// which is another thing.
struct AdminRegistration {
  std::string name;
  bool revoked = false;
  KeyFingerprint fingerprint;
  absl::Time certificate_expires;
};

// So that asking again and again does not fill the journal.
inline constexpr absl::Duration kRenewalStep = absl::Hours(24 * 7);

enum class PrincipalKind { kHost, kReader, kAdmin };

// Who has a certificate, or may get one: a host or reader for a token, an admin
// by an order.
struct TokenGrant {
  PrincipalKind kind = PrincipalKind::kHost;
  std::string vault;  // hosts
  std::string name;
  friend auto operator<=>(const TokenGrant&, const TokenGrant&) = default;
};
// A token that was issued, without the token.
struct TokenInfo {
  TokenHash hash;
  TokenGrant grant;
  absl::Time expires;
  bool used = false;
};
struct IssuedCertificate {
  std::string der;
  absl::Time not_after;
};

class Registry {
 public:
  // Makes `dir`/journal with its first record. ALREADY_EXISTS if there is one.
  static absl::Status Init(FileSystem& fs, absl::string_view dir,
                           const ServerId& server,
                           const VerifyKey& first_admin_key,
                           const Clock& clock);
  // Replays `dir`/journal. DATA_LOSS if its chain is broken, naming the place.
  // Borrows fs and clock.
  static absl::StatusOr<std::unique_ptr<Registry>> Open(FileSystem& fs,
                                                        absl::string_view dir,
                                                        const Clock& clock);
  // As Open, but writes nothing and refuses every change.
  static absl::StatusOr<std::unique_ptr<Registry>> OpenReadOnly(
      FileSystem& fs, absl::string_view dir, const Clock& clock);
  ~Registry();

  ServerId server_id() const;
  // The journal ended with an append that was never finished.
  bool found_torn_tail() const;
  VerifyKey first_admin_key() const;

  // ALREADY_EXISTS if name or id is taken.
  absl::Status AddVault(const VaultRegistration& vault);
  absl::StatusOr<VaultRegistration> FindVault(absl::string_view name) const;
  std::vector<VaultRegistration> Vaults() const;

  // Registers the host and its token, or replaces the token of a host that was
  // never enrolled. ALREADY_EXISTS if it is enrolled or revoked, NOT_FOUND: no
  // such vault. An empty domain means the host's own name; another host's is
  // INVALID_ARGUMENT.
  absl::StatusOr<HostRegistration> AddHost(absl::string_view vault,
                                           absl::string_view host,
                                           absl::string_view domain,
                                           const TokenHash& token,
                                           absl::Time token_expires);
  absl::Status AddReader(absl::string_view reader,
                         const std::vector<std::string>& vaults,
                         const TokenHash& token, absl::Time token_expires);

  // Takes the key that the order (AddAdmin) names as an admin's, and records
  // the certificate that `issue` makes, durably, before returning it; for the
  // same name and key again it returns the one in force. INVALID_ARGUMENT:
  // `key` is another one. PERMISSION_DENIED: no admin key signed the order.
  // ALREADY_EXISTS: the name or the key was certified before, or the name is a
  // revoked reader's. `issue` is called under the registry's lock.
  absl::StatusOr<IssuedCertificate> AddAdmin(
      const v1::format::SignedOrder& order, const KeyFingerprint& key,
      const std::function<absl::StatusOr<IssuedCertificate>(const TokenGrant&)>&
          issue);

  // Binds a token to a key and records the certificate that `issue` makes,
  // durably, before returning it; for the same key again it returns the same
  // certificate. PERMISSION_DENIED with one message for a token that is
  // unknown, expired, bound to another key, or of a revoked principal.
  // ALREADY_EXISTS: the key is an admin's. `issue` is called under the
  // registry's lock.
  absl::StatusOr<IssuedCertificate> UseToken(
      ByteView token, const KeyFingerprint& key,
      const std::function<absl::StatusOr<IssuedCertificate>(const TokenGrant&)>&
          issue);

  // The certificate that `issue` makes for a principal that is enrolled with
  // this key, recorded before it is returned. One that would not run
  // kRenewalStep longer than the last is not recorded: the last is returned.
  // PERMISSION_DENIED: unknown, revoked, or enrolled with another key. `issue`
  // is called under the registry's lock.
  absl::StatusOr<IssuedCertificate> Renew(
      const TokenGrant& principal, const KeyFingerprint& key,
      const std::function<absl::StatusOr<IssuedCertificate>()>& issue);

  // Verifies the order against the admin keys, records it, obeys it. A nonce
  // seen before: OK, nothing done. INVALID_ARGUMENT: an order about a vault's
  // snapshots or keys, which its own journal takes, or AddAdmin.
  absl::Status Submit(const v1::format::SignedOrder& order);

  absl::StatusOr<HostRegistration> FindHost(absl::string_view vault,
                                            absl::string_view host) const;
  absl::StatusOr<ReaderRegistration> FindReader(absl::string_view reader) const;
  absl::StatusOr<AdminRegistration> FindAdmin(absl::string_view admin) const;
  // Without removed ones.
  std::vector<HostRegistration> Hosts() const;
  std::vector<ReaderRegistration> Readers() const;
  std::vector<AdminRegistration> Admins() const;
  // Tokens that count, used or not, by principal.
  std::vector<TokenInfo> Tokens() const;
  // Orders that added admin keys, in their order: every vault's journal gets
  // them.
  std::vector<v1::format::SignedOrder> AdminKeyOrders() const;
  // Rises with every revocation: a supervisor compares it cheaply.
  uint64_t revocations() const;

 private:
  struct State;
  explicit Registry(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace nightsafe
