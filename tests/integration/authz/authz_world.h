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
  // What it truly is to the listener of hosts and readers.
  v1::Role role = v1::ROLE_UNSPECIFIED;
  // That listener's TLS does not let it in at all.
  bool tls_refuses = false;
  std::string vault = "main";  // it would ask for
};
using CredentialList = std::vector<Credential>;

// Vault main: hosts web1 and db1, reader alice. Vault other: host mail1, reader
// bob. Revoked: host lost1, reader eve. Registered, never enrolled: host late1.
class AuthzWorld {
 public:
  AuthzWorld();

  TestServer& server() { return server_; }
  const HostCredential& web1() const { return web1_; }
  const HostCredential& db1() const { return db1_; }
  const HostCredential& mail1() const { return mail1_; }
  const PeerCredential& alice() const { return alice_; }
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
  void AddOddUses(CredentialList& all) const;
  std::string ReadPki(const std::string& name) const;
  std::string Uri(PeerRole role, const std::string& name,
                  const std::string& vault = "") const;
  // web1's own key, certified by our CA as web1: only what a credential changes
  // in it keeps it out.
  CertificateForm Sound() const;
  Credential Forged(const std::string& name, const CertificateForm& form) const;
  Credential RefusedByTls(const std::string& name,
                          const CertificateForm& form) const;

  TestServer server_;
  const ServerId id_ = server_.server_id();
  const Issuer ca_;
  std::unique_ptr<Keyring> other_keyring_;
  HostCredential web1_, db1_, mail1_, lost1_;
  PeerCredential alice_, bob_, eve_;
  const std::string other_key_;  // nobody's
};

}  // namespace nightsafe
