#include "tests/integration/authz/authz_world.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/crypto/blake3.h"
#include "common/crypto/random.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

AlternativeName UriName(const std::string& uri) {
  return {AlternativeName::kUri, uri};
}

Credential Plain(const std::string& name, Transport transport) {
  return {.name = name, .caller = {transport, {}}};
}

Credential Enrolled(const std::string& name, const PeerCredential& credential,
                    v1::Role role, const std::string& vault) {
  return {.name = name,
          .caller = {Transport::kTls, credential},
          .role = role,
          .vault = vault};
}

ServerConfig WithAdminListener() {
  ServerConfig config = TestServer::LoopbackConfig();
  config.admin_listen = "127.0.0.1:0";
  return config;
}

}  // namespace

AuthzWorld::AuthzWorld()
    : server_(WithAdminListener()),
      ca_{ReadPki("ca.key"), PemToDer(ReadPki("ca.crt")).value()},
      other_keyring_(server_.AddVault("other")),
      web1_(server_.EnrolHost("web1")),
      db1_(server_.EnrolHost("db1")),
      mail1_(server_.EnrolHost("other", *other_keyring_, "mail1")),
      lost1_(server_.EnrolHost("lost1")),
      alice_(server_.EnrolReader("alice")),
      bob_(server_.EnrolReader("bob", {"other"})),
      eve_(server_.EnrolReader("eve")),
      ops_(server_.EnrolAdmin("ops")),
      admin_alice_(server_.EnrolAdmin("alice")),
      gone_(server_.EnrolAdmin("gone")),
      other_key_(GeneratePrivateKeyPem().value()) {
  server_.RevokeHost("main", "lost1");
  server_.RevokeReader("eve");
  server_.RevokeAdmin("gone");
  NS_CHECK(server_.server()
               .data()
               .registry()
               .AddHost("main", "late1", "", RandomId<TokenHash>(),
                        absl::Now() + absl::Hours(1))
               .ok());
}

std::string AuthzWorld::ReadPki(const std::string& name) const {
  const auto fs = NewPosixFileSystem();
  return ReadWholeFile(*fs, absl::StrCat(server_.data(), "/pki/", name), 65536)
      .value();
}

std::string AuthzWorld::Uri(PeerRole role, const std::string& name,
                            const std::string& vault) const {
  return PeerIdentity{id_, role, vault, name}.ToUri();
}

CertificateForm AuthzWorld::Sound() const {
  CertificateForm form;
  form.key_pem = web1_.key_pem;
  form.issuer = ca_;
  form.names = {UriName(Uri(PeerRole::kHost, "web1", "main"))};
  return form;
}

Credential AuthzWorld::Forged(const std::string& name,
                              const CertificateForm& form) const {
  return {
      .name = name,
      .caller = {Transport::kTls, {form.key_pem, ForgeCertificatePem(form)}}};
}

Credential AuthzWorld::RefusedByTls(const std::string& name,
                                    const CertificateForm& form) const {
  Credential credential = Forged(name, form);
  credential.tls_refuses = true;
  return credential;
}

CredentialList AuthzWorld::Credentials() const {
  CredentialList all;
  AddEnrolled(all);
  AddOfOtherAuthorities(all);
  AddUnregistered(all);
  AddOddNames(all);
  AddOddUris(all);
  AddOddUses(all);
  AddAdmins(all);
  AddFalseAdmins(all);
  AddWithoutCertificate(all);
  return all;
}

void AuthzWorld::AddWithoutCertificate(CredentialList& all) const {
  all.push_back({.name = "TLS without a certificate", .tls_refuses = true});
  all.push_back(Plain("no TLS", Transport::kPlain));
  all.push_back(Plain("local, no TLS", Transport::kLocal));
}

void AuthzWorld::AddEnrolled(CredentialList& all) const {
  all.push_back(Enrolled("host", web1_, v1::HOST, "main"));
  all.push_back(Enrolled("other host", db1_, v1::HOST, "main"));
  all.push_back(Enrolled("host of another vault", mail1_, v1::HOST, "other"));
  all.push_back(Enrolled("reader", alice_, v1::READER, "main"));
  all.push_back(Enrolled("reader of another vault", bob_, v1::READER, "other"));
  const v1::Role nobody = v1::ROLE_UNSPECIFIED;
  all.push_back(Enrolled("revoked host", lost1_, nobody, "main"));
  all.push_back(Enrolled("revoked reader", eve_, nobody, "main"));
  CertificateForm form = Sound();
  all.push_back(Forged("sound copy", form));
  all.back().role = v1::HOST;
  form.common_name = "admin";
  all.push_back(Forged("common name admin", form));
  all.back().role = v1::HOST;
  form = Sound();
  form.key_pem = lost1_.key_pem;
  form.names = {UriName(Uri(PeerRole::kHost, "lost1", "main"))};
  all.push_back(Forged("revoked host, new certificate", form));
}

void AuthzWorld::AddOfOtherAuthorities(CredentialList& all) const {
  const absl::Time begin = absl::Now() - absl::Hours(1);
  const absl::Time end = begin + absl::Hours(48);
  const std::string foreign_der =
      MakeCaCertificateDer(other_key_, absl::StrCat("Nightsafe ", id_.Hex()),
                           begin, end)
          .value();
  CertificateForm form = Sound();
  form.issuer = {};
  all.push_back(RefusedByTls("self-signed", form));
  form.issuer = {other_key_, foreign_der};
  all.push_back(RefusedByTls("foreign CA, our names", form));
  all.back().caller.credential.certificate_pem += ReadPki("ca.crt");
  all.push_back(RefusedByTls("foreign CA in the chain", form));
  all.back().caller.credential.certificate_pem +=
      DerToPem(AsBytes(foreign_der));
  form.issuer = {web1_.key_pem, PemToDer(web1_.certificate_pem).value()};
  all.push_back(RefusedByTls("issued by a host's certificate", form));
  all.back().caller.credential.certificate_pem += web1_.certificate_pem;
  CertificateForm ca = Sound();
  ca.key_pem = other_key_;
  ca.common_name = "a lesser authority";
  ca.basic_constraints = "critical,CA:TRUE";
  ca.key_usage = "critical,keyCertSign,digitalSignature";
  const std::string ca_pem = ForgeCertificatePem(ca);
  form.issuer = {other_key_, PemToDer(ca_pem).value()};
  all.push_back(RefusedByTls("issued by a client that is a CA", form));
  all.back().caller.credential.certificate_pem += ca_pem;
  form = Sound();
  form.not_before = begin - absl::Hours(2);
  form.not_after = begin;
  all.push_back(RefusedByTls("expired", form));
  form.not_before = absl::Now() + absl::Hours(1);
  form.not_after = end;
  all.push_back(RefusedByTls("not yet valid", form));
}

void AuthzWorld::AddUnregistered(CredentialList& all) const {
  const auto named = [&](const std::string& name, const std::string& key,
                         const std::string& uri) {
    CertificateForm form = Sound();
    form.key_pem = key;
    form.names = {UriName(uri)};
    all.push_back(Forged(name, form));
  };
  const std::string& key = web1_.key_pem;
  named("host nobody registered", key, Uri(PeerRole::kHost, "new1", "main"));
  named("host not enrolled", key, Uri(PeerRole::kHost, "late1", "main"));
  named("reader nobody registered", key, Uri(PeerRole::kReader, "mallory"));
  named("host, another key", other_key_, Uri(PeerRole::kHost, "web1", "main"));
  named("reader, another key", other_key_, Uri(PeerRole::kReader, "alice"));
  named("host as another host", key, Uri(PeerRole::kHost, "db1", "main"));
  named("host as a reader", key, Uri(PeerRole::kReader, "alice"));
  named("host as reader of its name", key, Uri(PeerRole::kReader, "web1"));
  named("reader as a host", alice_.key_pem,
        Uri(PeerRole::kHost, "web1", "main"));
  named("host in another vault", key, Uri(PeerRole::kHost, "web1", "other"));
  named("host in no vault", key, Uri(PeerRole::kHost, "web1", "nothing"));
  const ServerId elsewhere = RandomId<ServerId>();
  named("host of another server", key,
        PeerIdentity{elsewhere, PeerRole::kHost, "main", "web1"}.ToUri());
}

void AuthzWorld::AddOddNames(CredentialList& all) const {
  const std::string own = Uri(PeerRole::kHost, "web1", "main");
  const auto named = [&](const std::string& name,
                         const std::vector<AlternativeName>& names) {
    CertificateForm form = Sound();
    form.names = names;
    all.push_back(Forged(name, form));
  };
  named("two URI names",
        {UriName(own), UriName(Uri(PeerRole::kHost, "db1", "main"))});
  named("two URI names, host and admin",
        {UriName(own), UriName(Uri(PeerRole::kAdmin, "web1"))});
  named("the same URI twice", {UriName(own), UriName(own)});
  named("extra DNS name",
        {UriName(own), {AlternativeName::kDns, "web1.example.org"}});
  named("extra mail name",
        {UriName(own), {AlternativeName::kMail, "web1@example.org"}});
  named("the URI as DNS name", {{AlternativeName::kDns, own}});
  named("the URI as mail name", {{AlternativeName::kMail, own}});
  CertificateForm form = Sound();
  form.names = {};
  form.common_name = "web1";
  all.push_back(Forged("no name", form));
  form = Sound();
  form.names_twice = true;
  all.push_back(RefusedByTls("two name extensions", form));
}

void AuthzWorld::AddOddUris(CredentialList& all) const {
  const std::string own = Uri(PeerRole::kHost, "web1", "main");
  const std::string server = id_.Hex();
  const auto odd = [&](const std::string& what, const std::string& uri) {
    CertificateForm form = Sound();
    form.names = {UriName(uri)};
    all.push_back(Forged(absl::StrCat("URI ", what), form));
  };
  odd("with NUL behind", own + '\0');
  odd("with NUL and more behind", own + std::string("\0.evil", 6));
  odd("with NUL inside", absl::StrCat("nightsafe://", server, "/host/main",
                                      std::string(1, '\0'), "/web1"));
  odd("with NUL first", '\0' + own);
  odd("empty", "");
  odd("with a slash behind", own + "/");
  odd("with a part behind", own + "/db1");
  odd("with an empty part",
      absl::StrCat("nightsafe://", server, "/host//main/web1"));
  odd("with dots",
      absl::StrCat("nightsafe://", server, "/host/main/../main/web1"));
  odd("percent-encoded",
      absl::StrCat("nightsafe://", server, "/host/main/web%31"));
  odd("with a query", own + "?");
  odd("with a fragment", own + "#db1");
  odd("with a space behind", own + " ");
  odd("with a line end", own + "\n");
  odd("with a space before", " " + own);
  odd("of an upper-case scheme",
      absl::StrCat("NIGHTSAFE", own.substr(sizeof("nightsafe") - 1)));
  odd("of an upper-case server",
      absl::StrCat("nightsafe://", absl::AsciiStrToUpper(server),
                   "/host/main/web1"));
  odd("of an upper-case role",
      absl::StrCat("nightsafe://", server, "/HOST/main/web1"));
  odd("of an upper-case name",
      absl::StrCat("nightsafe://", server, "/host/main/WEB1"));
  odd("with a port",
      absl::StrCat("nightsafe://", server, ":443/host/main/web1"));
  odd("with a user", absl::StrCat("nightsafe://x@", server, "/host/main/web1"));
  odd("without a vault", absl::StrCat("nightsafe://", server, "/host/web1"));
  odd("of an unknown role",
      absl::StrCat("nightsafe://", server, "/metrics/web1"));
  odd("of 4 KiB", own + std::string(4096, 'x'));
}

void AuthzWorld::AddOddUses(CredentialList& all) const {
  CertificateForm form = Sound();
  form.basic_constraints = "critical,CA:TRUE";
  form.key_usage = "critical,keyCertSign,digitalSignature";
  all.push_back(Forged("client that is a CA", form));
  form = Sound();
  form.extended_key_usage = "";
  all.push_back(Forged("no extended usage", form));
  form.extended_key_usage = "clientAuth,serverAuth";
  all.push_back(Forged("client and server usage", form));
  form.extended_key_usage = "anyExtendedKeyUsage";
  all.push_back(RefusedByTls("any usage", form));
  form.extended_key_usage = "serverAuth";
  all.push_back(RefusedByTls("server usage", form));
  form = Sound();
  form.key_usage = "critical,keyEncipherment";
  all.push_back(RefusedByTls("key that must not sign", form));
  all.push_back({.name = "server certificate as client",
                 .caller = {Transport::kTls,
                            {ReadPki("server.key"), ReadPki("server.crt")}},
                 .tls_refuses = true});
  all.push_back(
      {.name = "CA certificate as client",
       .caller = {Transport::kTls, {ReadPki("ca.key"), ReadPki("ca.crt")}},
       .tls_refuses = true});
}

std::string AuthzWorld::Digest() const {
  namespace stdfs = std::filesystem;
  std::vector<std::string> paths;
  stdfs::recursive_directory_iterator at(server_.data());
  for (; at != stdfs::recursive_directory_iterator(); ++at) {
    if (at->is_directory() && at->path().filename() == "index") {
      at.disable_recursion_pending();
    } else if (at->is_regular_file()) {
      paths.push_back(at->path());
    }
  }
  std::sort(paths.begin(), paths.end());
  const auto fs = NewPosixFileSystem();
  std::string all;
  for (const std::string& path : paths) {
    const std::string bytes = ReadWholeFile(*fs, path, 16 << 20).value();
    absl::StrAppend(&all, path, ":", bytes.size(), ":", bytes, "\n");
  }
  const auto hash = HashOf(AsBytes(all));
  return HexEncode(hash);
}

}  // namespace nightsafe
