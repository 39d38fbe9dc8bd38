#include "server/authz/authority.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

constexpr uint64_t kMaxFileBytes = 64 << 10;

std::string CaKeyPath(absl::string_view dir) {
  return absl::StrCat(dir, "/ca.key");
}
std::string CaCertificatePath(absl::string_view dir) {
  return absl::StrCat(dir, "/ca.crt");
}
std::string ServerKeyPath(absl::string_view dir) {
  return absl::StrCat(dir, "/server.key");
}
std::string ServerCertificatePath(absl::string_view dir) {
  return absl::StrCat(dir, "/server.crt");
}

// Certificates carry whole seconds.
absl::Time WholeSeconds(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

absl::StatusOr<std::string> ReadPki(FileSystem& fs, const std::string& path) {
  absl::StatusOr<std::string> text = ReadWholeFile(fs, path, kMaxFileBytes);
  if (text.ok()) return text;
  return absl::FailedPreconditionError(absl::StrCat(
      text.status().message(),
      "; the server's keys are incomplete: take this file from a copy of the "
      "data directory, or begin anew with `nightsafed init`"));
}

// Empty if it is not there.
absl::StatusOr<std::string> ReadIfThere(FileSystem& fs,
                                        const std::string& path) {
  absl::StatusOr<std::string> text = ReadWholeFile(fs, path, kMaxFileBytes);
  if (absl::IsNotFound(text.status())) return std::string();
  return text;
}

absl::Status CheckCa(absl::string_view dir, absl::string_view key_pem,
                     absl::string_view pem) {
  absl::Status sound = CheckPrivateKeyPem(key_pem);
  const bool key_is_sound = sound.ok();
  if (key_is_sound) sound = CheckCertificatePem(pem, key_pem, pem);
  if (sound.ok()) return sound;
  const std::string path = key_is_sound ? absl::StrCat(CaCertificatePath(dir),
                                                       " or ", CaKeyPath(dir))
                                        : CaKeyPath(dir);
  return absl::DataLossError(absl::StrCat(
      path, " is damaged: ", sound.message(),
      "; put it back from a copy of the data directory: hosts and readers know "
      "this server by it"));
}

}  // namespace

absl::Status Authority::Create(FileSystem& fs, absl::string_view dir,
                               const ServerId& server, const Clock& clock) {
  NS_RETURN_IF_ERROR(MakeDirectoriesDurably(fs, dir, 0700));
  const absl::Time begin = WholeSeconds(clock.Now() - kClockTolerance);
  Issuer ca;
  NS_ASSIGN_OR_RETURN(ca.key_pem, GeneratePrivateKeyPem());
  NS_ASSIGN_OR_RETURN(
      ca.certificate_der,
      MakeCaCertificateDer(ca.key_pem, absl::StrCat("Nightsafe ", server.Hex()),
                           begin, begin + kCaLife));
  NS_ASSIGN_OR_RETURN(std::string server_key, GeneratePrivateKeyPem());
  NS_ASSIGN_OR_RETURN(
      std::string certificate,
      IssueServerCertificateDer(ca, server_key, server, begin,
                                begin + kServerCertificateLife));
  NS_RETURN_IF_ERROR(
      CreateFileDurably(fs, CaKeyPath(dir), AsBytes(ca.key_pem), 0600));
  NS_KILL_POINT("init.ca-key-made");
  NS_RETURN_IF_ERROR(
      CreateFileDurably(fs, CaCertificatePath(dir),
                        AsBytes(DerToPem(AsBytes(ca.certificate_der))), 0644));
  NS_RETURN_IF_ERROR(
      CreateFileDurably(fs, ServerKeyPath(dir), AsBytes(server_key), 0600));
  return CreateFileDurably(fs, ServerCertificatePath(dir),
                           AsBytes(DerToPem(AsBytes(certificate))), 0644);
}

absl::StatusOr<std::unique_ptr<Authority>> Authority::Open(
    FileSystem& fs, absl::string_view dir, const ServerId& server,
    const Clock& clock) {
  std::unique_ptr<Authority> authority(new Authority(server, clock));
  NS_RETURN_IF_ERROR(authority->Load(fs, dir));
  NS_RETURN_IF_ERROR(authority->RenewIfDue(fs, dir));
  return authority;
}

absl::Status Authority::Load(FileSystem& fs, absl::string_view dir) {
  NS_ASSIGN_OR_RETURN(issuer_.key_pem, ReadPki(fs, CaKeyPath(dir)));
  NS_ASSIGN_OR_RETURN(std::string ca_pem, ReadPki(fs, CaCertificatePath(dir)));
  NS_RETURN_IF_ERROR(CheckCa(dir, issuer_.key_pem, ca_pem));
  NS_ASSIGN_OR_RETURN(issuer_.certificate_der, PemToDer(ca_pem));
  NS_ASSIGN_OR_RETURN(CertificateView ca,
                      InspectCertificateDer(AsBytes(issuer_.certificate_der)));
  ca_expires_ = ca.not_after;
  NS_RETURN_IF_ERROR(LoadServerKey(fs, dir));
  NS_ASSIGN_OR_RETURN(std::string pem,
                      ReadIfThere(fs, ServerCertificatePath(dir)));
  // One that is damaged has run out: the CA's key makes it anew.
  if (!CheckCertificatePem(pem, server_key_pem_, ca_pem).ok()) {
    return absl::OkStatus();
  }
  NS_ASSIGN_OR_RETURN(server_certificate_der_, PemToDer(pem));
  NS_ASSIGN_OR_RETURN(CertificateView own,
                      InspectCertificateDer(AsBytes(server_certificate_der_)));
  server_certificate_begins_ = own.not_before;
  server_certificate_expires_ = own.not_after;
  return absl::OkStatus();
}

// Clients know the server by its CA alone, so a lost key is made anew.
absl::Status Authority::LoadServerKey(FileSystem& fs, absl::string_view dir) {
  NS_ASSIGN_OR_RETURN(server_key_pem_, ReadIfThere(fs, ServerKeyPath(dir)));
  if (CheckPrivateKeyPem(server_key_pem_).ok()) return absl::OkStatus();
  NS_ASSIGN_OR_RETURN(server_key_pem_, GeneratePrivateKeyPem());
  return WriteFileDurably(fs, ServerKeyPath(dir), AsBytes(server_key_pem_),
                          0600);
}

absl::Status Authority::RenewIfDue(FileSystem& fs, absl::string_view dir) {
  const absl::Time now = clock_.Now();
  const absl::Duration life =
      server_certificate_expires_ - server_certificate_begins_;
  if (server_certificate_expires_ - now >= life / 2) return absl::OkStatus();
  const absl::Time begin = WholeSeconds(now - kClockTolerance);
  const absl::Time end = std::min(begin + kServerCertificateLife, ca_expires_);
  NS_ASSIGN_OR_RETURN(
      server_certificate_der_,
      IssueServerCertificateDer(issuer_, server_key_pem_, server_, begin, end));
  server_certificate_begins_ = begin;
  server_certificate_expires_ = end;
  return WriteFileDurably(fs, ServerCertificatePath(dir),
                          AsBytes(DerToPem(AsBytes(server_certificate_der_))),
                          0644);
}

absl::StatusOr<IssuedCertificate> Authority::Issue(
    ByteView csr_der, const PeerIdentity& identity) const {
  const Life life = LifeFromNow();
  NS_ASSIGN_OR_RETURN(std::string der,
                      IssueClientCertificateDer(issuer_, csr_der, identity,
                                                life.begin, life.end));
  return IssuedCertificate{.der = std::move(der), .not_after = life.end};
}

absl::StatusOr<IssuedCertificate> Authority::Renew(
    ByteView certificate_der, const PeerIdentity& identity) const {
  const Life life = LifeFromNow();
  NS_ASSIGN_OR_RETURN(std::string der, RenewClientCertificateDer(
                                           issuer_, certificate_der, identity,
                                           life.begin, life.end));
  return IssuedCertificate{.der = std::move(der), .not_after = life.end};
}

Authority::Life Authority::LifeFromNow() const {
  const absl::Time now = clock_.Now();
  return {
      .begin = WholeSeconds(now - kClockTolerance),
      .end = std::min(WholeSeconds(now + kClientCertificateLife), ca_expires_)};
}

}  // namespace nightsafe
