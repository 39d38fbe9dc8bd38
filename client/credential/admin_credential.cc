#include "client/credential/admin_credential.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/crypto/secret.h"
#include "common/io/durable_file.h"
#include "common/pki/pki.h"

namespace nightsafe {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr char kFormat[] = "nightsafe-admin-credential-1";
constexpr char kPeerFormat[] = "nightsafe-credential-1";

constexpr absl::string_view kAdvice =
    "; those are made by `nightsafe-admin admin add`";

absl::Status Damaged(absl::string_view how) {
  return absl::DataLossError(absl::StrCat(
      "is damaged: ", how,
      "; put it back, or make another with `nightsafe-admin admin add` and a "
      "new name"));
}

absl::Status SomebodyElses(absl::string_view role, absl::string_view name) {
  return absl::PermissionDeniedError(absl::StrCat(
      "is the credential of ", role, " ", name, ", not of an admin", kAdvice));
}

absl::string_view NameOf(PeerRole role) {
  switch (role) {
    case PeerRole::kHost:
      return "host";
    case PeerRole::kReader:
      return "reader";
    case PeerRole::kAdmin:
      break;
  }
  return "admin";
}

absl::Status CheckKeys(const AdminCredential& credential) {
  absl::Status sound =
      InspectCertificatePem(credential.ca_certificate_pem).status();
  if (sound.ok()) sound = CheckPrivateKeyPem(credential.private_key_pem);
  if (!sound.ok()) return Damaged(sound.message());
  if (credential.certificate_pem.empty()) return absl::OkStatus();
  sound = CheckCertificatePem(credential.certificate_pem,
                              credential.private_key_pem,
                              credential.ca_certificate_pem);
  if (!sound.ok()) return Damaged(sound.message());
  NS_ASSIGN_OR_RETURN(CertificateView view,
                      InspectCertificatePem(credential.certificate_pem));
  if (view.uri_sans.size() != 1) {
    return Damaged("the certificate does not have exactly one name");
  }
  const auto identity = PeerIdentity::FromUri(view.uri_sans.front());
  if (!identity.ok()) return Damaged(identity.status().message());
  if (identity->role != PeerRole::kAdmin) {
    return SomebodyElses(NameOf(identity->role), identity->name);
  }
  if (identity->name != credential.name ||
      identity->server != credential.server_id) {
    return Damaged("the certificate is of another admin, or another server");
  }
  return absl::OkStatus();
}

absl::StatusOr<AdminCredential> FromJson(const Json& json) {
  const auto format = json.at("format").get<std::string>();
  if (format == kPeerFormat) {
    const auto role = json.at("role").get<std::string>();
    const auto name = json.at("name").get<std::string>();
    if ((role == "host" || role == "reader") &&
        ValidateName("peer", name).ok()) {
      return SomebodyElses(role, name);
    }
  }
  if (format != kFormat) {
    return absl::InvalidArgumentError(
        absl::StrCat("is no admin credential of this version", kAdvice));
  }
  AdminCredential credential;
  credential.name = json.at("name").get<std::string>();
  if (!ValidateName("admin", credential.name).ok()) {
    return Damaged("it has no proper name");
  }
  credential.server_address = json.at("server_address").get<std::string>();
  const auto server =
      ServerId::FromHex(json.at("server_id").get<std::string>());
  if (!server.ok()) return Damaged("it has no proper server id");
  credential.server_id = *server;
  credential.ca_certificate_pem = json.at("ca_certificate").get<std::string>();
  credential.private_key_pem = json.at("private_key").get<std::string>();
  credential.certificate_pem = json.at("certificate").get<std::string>();
  NS_RETURN_IF_ERROR(CheckKeys(credential));
  return credential;
}

}  // namespace

std::string EncodeAdminCredential(const AdminCredential& credential) {
  const Json json = {{"format", kFormat},
                     {"name", credential.name},
                     {"server_address", credential.server_address},
                     {"server_id", credential.server_id.Hex()},
                     {"ca_certificate", credential.ca_certificate_pem},
                     {"private_key", credential.private_key_pem},
                     {"certificate", credential.certificate_pem}};
  return json.dump(2) + "\n";
}

absl::StatusOr<AdminCredential> DecodeAdminCredential(absl::string_view text) {
  try {
    return FromJson(Json::parse(text.begin(), text.end()));
  } catch (const Json::exception&) {
    // what it said is of no use to a person
  }
  return absl::InvalidArgumentError(
      absl::StrCat("is no admin credential, or it is damaged", kAdvice));
}

absl::StatusOr<AdminCredential> LoadAdminCredential(FileSystem& fs,
                                                    const std::string& path) {
  NS_ASSIGN_OR_RETURN(std::string text, ReadWholeFile(fs, path, kMaxFileBytes));
  absl::StatusOr<AdminCredential> credential = DecodeAdminCredential(text);
  EraseString(text);
  if (credential.ok()) return credential;
  return absl::Status(credential.status().code(),
                      absl::StrCat(path, " ", credential.status().message()));
}

absl::Status CreateAdminCredential(FileSystem& fs, const std::string& path,
                                   const AdminCredential& credential) {
  std::string text = EncodeAdminCredential(credential);
  const absl::Status status = CreateFileDurably(fs, path, AsBytes(text), 0600);
  EraseString(text);
  return status;
}

absl::Status ReplaceAdminCredential(FileSystem& fs, const std::string& path,
                                    const AdminCredential& credential) {
  std::string text = EncodeAdminCredential(credential);
  const absl::Status status = WriteFileDurably(fs, path, AsBytes(text), 0600);
  EraseString(text);
  return status;
}

}  // namespace nightsafe
