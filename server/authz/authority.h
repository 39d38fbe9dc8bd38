// The server's own CA: keys and certificates in DATA/pki, and what it signs.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/io/file_system.h"
#include "common/pki/pki.h"
#include "server/catalog/registry.h"

namespace nightsafe {

inline constexpr absl::Duration kCaLife = absl::Hours(24 * 365 * 20);
inline constexpr absl::Duration kServerCertificateLife =
    absl::Hours(24 * 365 * 2);
inline constexpr absl::Duration kClientCertificateLife = absl::Hours(24 * 365);
// How far a peer's clock may be behind.
inline constexpr absl::Duration kClockTolerance = absl::Minutes(10);

// Immutable once open, thread-safe. Borrows the clock.
class Authority {
 public:
  // Makes `dir` with ca.key, ca.crt, server.key, server.crt (PEM, keys 0600).
  // Durable when OK. ALREADY_EXISTS if there is a CA.
  static absl::Status Create(FileSystem& fs, absl::string_view dir,
                             const ServerId& server, const Clock& clock);
  // Renews the server's certificate when less than half of its life is left, or
  // it is damaged, and a damaged key of the server. FAILED_PRECONDITION: a file
  // of the CA is missing; DATA_LOSS: they are damaged or do not belong
  // together.
  static absl::StatusOr<std::unique_ptr<Authority>> Open(FileSystem& fs,
                                                         absl::string_view dir,
                                                         const ServerId& server,
                                                         const Clock& clock);

  // A certificate of one year for the key of `csr_der`.
  absl::StatusOr<IssuedCertificate> Issue(ByteView csr_der,
                                          const PeerIdentity& identity) const;

  // As Issue, for the key of a certificate that is about to run out.
  absl::StatusOr<IssuedCertificate> Renew(ByteView certificate_der,
                                          const PeerIdentity& identity) const;

  const std::string& ca_certificate_der() const {
    return issuer_.certificate_der;
  }
  const std::string& server_key_pem() const { return server_key_pem_; }
  const std::string& server_certificate_der() const {
    return server_certificate_der_;
  }
  absl::Time ca_expires() const { return ca_expires_; }
  absl::Time server_certificate_expires() const {
    return server_certificate_expires_;
  }

 private:
  struct Life {
    absl::Time begin;
    absl::Time end;
  };
  // Of a client's certificate.
  Life LifeFromNow() const;

  Authority(const ServerId& server, const Clock& clock)
      : server_(server), clock_(clock) {}
  absl::Status Load(FileSystem& fs, absl::string_view dir);
  absl::Status LoadServerKey(FileSystem& fs, absl::string_view dir);
  absl::Status RenewIfDue(FileSystem& fs, absl::string_view dir);

  const ServerId server_;
  const Clock& clock_;
  Issuer issuer_;
  std::string server_key_pem_;
  std::string server_certificate_der_;
  absl::Time ca_expires_;
  absl::Time server_certificate_begins_ = absl::UnixEpoch();
  absl::Time server_certificate_expires_ = absl::UnixEpoch();
};

}  // namespace nightsafe
