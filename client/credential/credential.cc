#include "client/credential/credential.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_join.h"
#include "common/base/kill_point.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/crypto/key_file.h"
#include "common/io/durable_file.h"
#include "common/pki/pki.h"

namespace nightsafe {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr char kFormat[] = "nightsafe-credential-1";

Json ToJson(const Credential& credential) {
  Json vaults = Json::array();
  for (const VaultName& vault : credential.vaults) {
    vaults.push_back({{"name", vault.name}, {"id", vault.id.Hex()}});
  }
  return {
      {"format", kFormat},
      {"role", credential.role == CredentialRole::kHost ? "host" : "reader"},
      {"name", credential.name},
      {"vaults", vaults},
      {"server_address", credential.server_address},
      {"enrol_address", credential.enrol_address},
      {"server_id", credential.server_id.Hex()},
      {"ca_certificate", credential.ca_certificate_pem}};
}

absl::StatusOr<Credential> FromJson(const Json& json) {
  Credential credential;
  if (json.at("format").get<std::string>() != kFormat) {
    return absl::DataLossError("is of another format version");
  }
  const auto role = json.at("role").get<std::string>();
  if (role != "host" && role != "reader") {
    return absl::DataLossError("names a role that is neither host nor reader");
  }
  credential.role =
      role == "host" ? CredentialRole::kHost : CredentialRole::kReader;
  credential.name = json.at("name").get<std::string>();
  NS_RETURN_IF_ERROR(ValidateName("host or reader", credential.name));
  for (const Json& vault : json.at("vaults")) {
    VaultName& added = credential.vaults.emplace_back();
    added.name = vault.at("name").get<std::string>();
    NS_RETURN_IF_ERROR(ValidateName("vault", added.name));
    NS_ASSIGN_OR_RETURN(added.id,
                        VaultId::FromHex(vault.at("id").get<std::string>()));
  }
  if (credential.role == CredentialRole::kHost &&
      credential.vaults.size() != 1) {
    return absl::DataLossError("names no vault, or several, for a host");
  }
  credential.server_address = json.at("server_address").get<std::string>();
  credential.enrol_address = json.at("enrol_address").get<std::string>();
  NS_ASSIGN_OR_RETURN(
      credential.server_id,
      ServerId::FromHex(json.at("server_id").get<std::string>()));
  credential.ca_certificate_pem = json.at("ca_certificate").get<std::string>();
  return credential;
}

std::string FileIn(absl::string_view directory, absl::string_view name) {
  return absl::StrCat(directory, "/", name);
}

// NOT_FOUND becomes empty: that file is not there yet.
absl::StatusOr<std::string> ReadIfThere(FileSystem& fs,
                                        const std::string& path) {
  absl::StatusOr<std::string> text = ReadWholeFile(fs, path, kMaxFileBytes);
  if (absl::IsNotFound(text.status())) return std::string();
  return text;
}

}  // namespace

std::string CredentialDirectory(absl::string_view config, CredentialRole role,
                                absl::string_view reader_name) {
  if (role == CredentialRole::kHost) return absl::StrCat(config, "/host");
  return absl::StrCat(config, "/reader/", reader_name);
}

absl::Status SaveCredential(FileSystem& fs, absl::string_view directory,
                            const Credential& credential) {
  NS_RETURN_IF_ERROR(MakeDirectoriesDurably(fs, directory, 0700));
  NS_RETURN_IF_ERROR(WriteFileDurably(fs, FileIn(directory, "key.pem"),
                                      AsBytes(credential.private_key_pem),
                                      0600));
  NS_KILL_POINT("credential.private-key-written");
  if (!credential.certificate_pem.empty()) {
    NS_RETURN_IF_ERROR(
        WriteFileDurably(fs, FileIn(directory, "certificate.pem"),
                         AsBytes(credential.certificate_pem), 0600));
  }
  NS_KILL_POINT("credential.before-description");
  return WriteFileDurably(fs, FileIn(directory, "credential.json"),
                          AsBytes(ToJson(credential).dump(2) + "\n"), 0600);
}

absl::StatusOr<Credential> LoadCredential(FileSystem& fs,
                                          absl::string_view directory) {
  const std::string path = FileIn(directory, "credential.json");
  absl::StatusOr<std::string> text = ReadWholeFile(fs, path, kMaxFileBytes);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(absl::StrCat(
        "no credential in ", directory,
        ": run `nightsafe enrol` with an enrolment file from the admin"));
  }
  NS_RETURN_IF_ERROR(text.status());
  absl::StatusOr<Credential> credential =
      absl::DataLossError("is not a credential");
  try {
    credential = FromJson(Json::parse(*text));
  } catch (const Json::exception&) {
    // what it said is of no use to a person: the file is damaged
  }
  if (!credential.ok()) {
    return absl::DataLossError(
        absl::StrCat(path, " ", credential.status().message(),
                     "; enrol again with a new enrolment file"));
  }
  NS_ASSIGN_OR_RETURN(credential->private_key_pem,
                      ReadIfThere(fs, FileIn(directory, "key.pem")));
  NS_ASSIGN_OR_RETURN(credential->certificate_pem,
                      ReadIfThere(fs, FileIn(directory, "certificate.pem")));
  return credential;
}

absl::Status CheckCredential(absl::string_view directory,
                             const Credential& credential) {
  if (credential.certificate_pem.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        FileIn(directory, "certificate.pem"),
        " is not there: enrolment was begun and not finished: run `nightsafe "
        "enrol` again with the same enrolment file"));
  }
  const auto damaged = [directory](absl::string_view name,
                                   const absl::Status& why) {
    return absl::DataLossError(absl::StrCat(
        FileIn(directory, name), " is damaged: ", why.message(),
        "; put it back, or enrol again with a new enrolment file"));
  };
  absl::Status sound =
      InspectCertificatePem(credential.ca_certificate_pem).status();
  if (!sound.ok()) return damaged("credential.json", sound);
  sound = CheckPrivateKeyPem(credential.private_key_pem);
  if (!sound.ok()) return damaged("key.pem", sound);
  sound = CheckCertificatePem(credential.certificate_pem,
                              credential.private_key_pem,
                              credential.ca_certificate_pem);
  if (!sound.ok()) return damaged("certificate.pem", sound);
  return absl::OkStatus();
}

absl::Status SaveDepositKey(FileSystem& fs, absl::string_view directory,
                            const DepositKey& key) {
  NS_RETURN_IF_ERROR(MakeDirectoriesDurably(fs, directory, 0700));
  NS_ASSIGN_OR_RETURN(
      std::string text,
      EncodeDepositKeyFile(key, key.certificate.host(), /*passphrase=*/""));
  const absl::Status status = WriteFileDurably(
      fs, FileIn(directory, "deposit.key"), AsBytes(text), 0600);
  EraseString(text);
  return status;
}

absl::StatusOr<DepositKey> LoadDepositKey(FileSystem& fs,
                                          absl::string_view directory,
                                          absl::string_view host) {
  const std::string path = FileIn(directory, "deposit.key");
  NS_ASSIGN_OR_RETURN(std::string text, ReadWholeFile(fs, path, kMaxFileBytes));
  absl::StatusOr<DepositKey> key = DecodeDepositKeyFile(text, "");
  EraseString(text);
  if (!key.ok()) return Annotate(key.status(), path);
  if (key->certificate.host() != host) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " is of host ", key->certificate.host(), ", this is ", host,
        ": put the right one back, or enrol again with a new enrolment file"));
  }
  return key;
}

absl::StatusOr<Credential> LoadReader(FileSystem& fs, absl::string_view config,
                                      absl::string_view name) {
  if (!name.empty()) {
    NS_RETURN_IF_ERROR(ValidateName("reader", name));
    return LoadCredential(
        fs, CredentialDirectory(config, CredentialRole::kReader, name));
  }
  absl::StatusOr<std::vector<std::string>> names =
      fs.List(absl::StrCat(config, "/reader"));
  if (!names.ok() || names->empty()) {
    return absl::NotFoundError(absl::StrCat(
        "no reader credential in ", config,
        "/reader: ask the admin for `nightsafe-admin reader add NAME` and give "
        "the file to `nightsafe enrol`"));
  }
  if (names->size() > 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("there are several reader credentials, choose one with "
                     "--reader: ",
                     absl::StrJoin(*names, ", ")));
  }
  return LoadCredential(
      fs, CredentialDirectory(config, CredentialRole::kReader, names->at(0)));
}

}  // namespace nightsafe
