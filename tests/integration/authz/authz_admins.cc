// Admins with a certificate, and who would like to be one.
#include "absl/strings/str_cat.h"
#include "common/crypto/random.h"
#include "tests/integration/authz/authz_world.h"

namespace nightsafe {
namespace {

AlternativeName UriName(const std::string& uri) {
  return {AlternativeName::kUri, uri};
}

}  // namespace

CertificateForm AuthzWorld::SoundAdmin() const {
  CertificateForm form = Sound();
  form.key_pem = ops_.key_pem;
  form.names = {UriName(Uri(PeerRole::kAdmin, "ops"))};
  return form;
}

void AuthzWorld::AddAdmins(CredentialList& all) const {
  const auto enrolled = [&](const std::string& name,
                            const PeerCredential& credential, v1::Role role) {
    all.push_back(
        {.name = name, .caller = {Transport::kTls, credential}, .role = role});
  };
  enrolled("admin", ops_, v1::ADMIN);
  enrolled("admin of a reader's name", admin_alice_, v1::ADMIN);
  enrolled("revoked admin", gone_, v1::ROLE_UNSPECIFIED);
  CertificateForm form = SoundAdmin();
  all.push_back(Forged("admin, sound copy", form));
  all.back().role = v1::ADMIN;
  form.key_pem = gone_.key_pem;
  form.names = {UriName(Uri(PeerRole::kAdmin, "gone"))};
  all.push_back(Forged("revoked admin, new certificate", form));
  form = SoundAdmin();
  form.not_before = absl::Now() - absl::Hours(3);
  form.not_after = absl::Now() - absl::Hours(1);
  all.push_back(RefusedByTls("expired admin", form));
  form.not_before = absl::Now() + absl::Hours(1);
  form.not_after = absl::Now() + absl::Hours(3);
  all.push_back(RefusedByTls("admin, not yet valid", form));
  form = SoundAdmin();
  form.issuer = {};
  all.push_back(RefusedByTls("admin, self-signed", form));
}

void AuthzWorld::AddFalseAdmins(CredentialList& all) const {
  const auto named = [&](const std::string& name, const std::string& key,
                         const std::string& uri) {
    CertificateForm form = SoundAdmin();
    form.key_pem = key;
    form.names = {UriName(uri)};
    all.push_back(Forged(name, form));
  };
  const auto admin = [&](const std::string& name) {
    return Uri(PeerRole::kAdmin, name);
  };
  const std::string server = id_.Hex();
  named("admin nobody added", ops_.key_pem, admin("new"));
  named("admin, another key", other_key_, admin("ops"));
  named("admin as another admin", ops_.key_pem, admin("alice"));
  named("revoked admin as another", gone_.key_pem, admin("ops"));
  named("admin as the revoked one", ops_.key_pem, admin("gone"));
  named(
      "admin of another server", ops_.key_pem,
      PeerIdentity{RandomId<ServerId>(), PeerRole::kAdmin, "", "ops"}.ToUri());
  named("host as an admin", web1_.key_pem, admin("ops"));
  named("host as admin of its name", web1_.key_pem, admin("web1"));
  named("reader as an admin", alice_.key_pem, admin("ops"));
  named("reader as admin of its name", alice_.key_pem, admin("alice"));
  named("admin as reader of its name", admin_alice_.key_pem,
        Uri(PeerRole::kReader, "alice"));
  named("admin as a host", ops_.key_pem, Uri(PeerRole::kHost, "web1", "main"));
  named("reader named admin/ops", ops_.key_pem,
        absl::StrCat("nightsafe://", server, "/reader/admin/ops"));
  named("host named admin/ops", ops_.key_pem,
        absl::StrCat("nightsafe://", server, "/host/admin/ops"));
  named("admin with a vault", ops_.key_pem,
        absl::StrCat("nightsafe://", server, "/admin/main/ops"));
  named("admin with a slash behind", ops_.key_pem, admin("ops") + "/");
  named("admin with NUL behind", ops_.key_pem, admin("ops") + '\0');
  named("admin in capitals", ops_.key_pem,
        absl::StrCat("nightsafe://", server, "/ADMIN/ops"));
  CertificateForm form = SoundAdmin();
  form.names = {UriName(admin("ops")),
                UriName(Uri(PeerRole::kHost, "web1", "main"))};
  all.push_back(Forged("admin and host", form));
  form.names = {UriName(admin("ops")), {AlternativeName::kDns, "ops.example"}};
  all.push_back(Forged("admin with a DNS name", form));
  form = SoundAdmin();
  form.names = {};
  form.common_name = "admin";
  all.push_back(Forged("no name, common name admin", form));
  form = SoundAdmin();
  form.extended_key_usage = "clientAuth,serverAuth";
  all.push_back(Forged("admin, client and server usage", form));
  form = SoundAdmin();
  form.basic_constraints = "critical,CA:TRUE";
  form.key_usage = "critical,keyCertSign,digitalSignature";
  all.push_back(Forged("admin that is a CA", form));
}

}  // namespace nightsafe
