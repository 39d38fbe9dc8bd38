// A server with two vaults, and everybody who may come to it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/pki/pki.h"
#include "nightsafe/v1/roles.pb.h"
#include "tests/integration/authz/raw_call.h"
#include "tests/support/forged_certificate.h"
#include "tests/support/test_server.h"

namespace nightsafe {

struct Credential {
  std::string name;
  Caller caller;
  // What it truly is, to a listener that is for such.
  v1::Role role = v1::ROLE_UNSPECIFIED;
  // TLS does not let it in at all where a certificate is demanded.
  bool tls_refuses = false;
  std::string vault = "main";  // it would ask for
};
using CredentialList = std::vector<Credential>;

// Vault main: hosts web1 and db1, reader alice. Vault other: host mail1, reader
// bob. Admins ops and alice. Revoked: host lost1, reader eve, admin gone.
// Registered, never enrolled: host late1.
class AuthzWorld {
 public:
  AuthzWorld();

  TestServer& server() { return server_; }
  const HostCredential& web1() const { return web1_; }
  const HostCredential& db1() const { return db1_; }
  const HostCredential& mail1() const { return mail1_; }
  const PeerCredential& alice() const { return alice_; }
  const PeerCredential& ops() const { return ops_; }
  const Keyring& other_keyring() const { return *other_keyring_; }

  CredentialList Credentials() const;

  // Of every file in the data directory but the index, which is derived.
  std::string Digest() const;

 private:
  void AddWithoutCertificate(CredentialList& all) const;
  void AddEnrolled(CredentialList& all) const;
  void AddOfOtherAuthorities(CredentialList& all) const;
  void AddUnregistered(CredentialList& all) const;
  void AddOddNames(CredentialList& all) const;
  void AddOddUris(CredentialList& all) const;
  void AddAdmins(CredentialList& all) const;
  void AddFalseAdmins(CredentialList& all) const;
  void AddOddUses(CredentialList& all) const;
  std::string ReadPki(const std::string& name) const;
  std::string Uri(PeerRole role, const std::string& name,
                  const std::string& vault = "") const;
  // web1's own key, certified by our CA as web1: only what a credential changes
  // in it keeps it out.
  CertificateForm Sound() const;
  // The same of admin ops.
  CertificateForm SoundAdmin() const;
  Credential Forged(const std::string& name, const CertificateForm& form) const;
  Credential RefusedByTls(const std::string& name,
                          const CertificateForm& form) const;

  TestServer server_;
  const ServerId id_ = server_.server_id();
  const Issuer ca_;
  std::unique_ptr<Keyring> other_keyring_;
  HostCredential web1_, db1_, mail1_, lost1_;
  PeerCredential alice_, bob_, eve_;
  PeerCredential ops_, admin_alice_, gone_;
  const std::string other_key_;  // nobody's
};

}  // namespace nightsafe
