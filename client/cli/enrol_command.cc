// nightsafe enrol

#include <iostream>
#include <iterator>

#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/credential/credential.h"
#include "client/credential/enrolment_file.h"
#include "client/rpc/connection.h"
#include "client/rpc/enrol_client.h"
#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"
#include "common/pki/pki.h"

namespace nightsafe {
namespace {

using v1::format::Enrolment;

struct EnrolOptions {
  std::string file = "-";
  bool replace = false;
};

absl::StatusOr<std::string> ReadEnrolment(const std::string& file) {
  if (file != "-") {
    return ReadWholeFile(*NewPosixFileSystem(), file, kMaxEnrolmentBytes);
  }
  std::string text(kMaxEnrolmentBytes + 1, '\0');
  std::cin.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::cin.gcount()));
  return text;
}

absl::StatusOr<Credential> FromEnrolment(const Enrolment& enrolment) {
  Credential credential;
  credential.role = enrolment.role() == Enrolment::HOST
                        ? CredentialRole::kHost
                        : CredentialRole::kReader;
  credential.name = enrolment.name();
  for (int i = 0; i < enrolment.vaults_size(); ++i) {
    NS_ASSIGN_OR_RETURN(VaultId id,
                        VaultId::FromBytes(AsBytes(enrolment.vault_ids(i))));
    credential.vaults.push_back({.name = enrolment.vaults(i), .id = id});
  }
  credential.server_address = enrolment.server_address();
  credential.enrol_address = enrolment.enrol_address();
  NS_ASSIGN_OR_RETURN(credential.server_id,
                      ServerId::FromBytes(AsBytes(enrolment.server_id())));
  credential.ca_certificate_pem =
      DerToPem(AsBytes(enrolment.ca_certificate_der()));
  return credential;
}

// Of a credential that is to replace the one that is there.
std::string NextKeyFile(const std::string& directory) {
  return directory + "/next-key.pem";
}

// The key of an enrolment that was begun and not finished, so that its token,
// which may be bound to that key already, still works.
absl::StatusOr<std::string> PrivateKey(FileSystem& fs,
                                       const std::string& directory,
                                       const Credential& credential) {
  absl::StatusOr<Credential> begun = LoadCredential(fs, directory);
  if (begun.ok() && begun->certificate_pem.empty() &&
      begun->server_id == credential.server_id &&
      !begun->private_key_pem.empty()) {
    return begun->private_key_pem;
  }
  absl::StatusOr<std::string> kept =
      ReadWholeFile(fs, NextKeyFile(directory), kMaxEnrolmentBytes);
  return kept.ok() ? std::move(kept) : GeneratePrivateKeyPem();
}

absl::Status RefuseToReplace(FileSystem& fs, const std::string& directory,
                             bool replace) {
  absl::StatusOr<Credential> existing = LoadCredential(fs, directory);
  if (replace || !existing.ok() || existing->certificate_pem.empty()) {
    return absl::OkStatus();
  }
  return absl::AlreadyExistsError(
      absl::StrCat("this machine is enrolled already, as ", existing->name,
                   " at ", existing->server_address, " (", directory,
                   "); use --replace to put the new credential in its place"));
}

absl::StatusOr<std::string> FetchCertificate(const Credential& credential,
                                             const Enrolment& enrolment) {
  ConnectionOptions options;
  options.address = credential.enrol_address;
  options.server = credential.server_id;
  options.ca_certificate_pem = credential.ca_certificate_pem;
  NS_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection,
                      Connection::Open(options, SystemClock()));
  NS_ASSIGN_OR_RETURN(std::string csr, MakeCsrDer(credential.private_key_pem));
  NS_ASSIGN_OR_RETURN(
      std::string der,
      EnrolForCertificateDer(*connection, AsBytes(enrolment.token()),
                             AsBytes(csr)));
  return DerToPem(AsBytes(der));
}

absl::StatusOr<ExitCode> Run(const ClientOptions& client,
                             const EnrolOptions& options) {
  NS_ASSIGN_OR_RETURN(std::string text, ReadEnrolment(options.file));
  absl::StatusOr<Enrolment> enrolment = DecodeEnrolment(text);
  EraseString(text);
  NS_RETURN_IF_ERROR(enrolment.status());
  if (absl::FromUnixNanos(enrolment->expires_unix_ns()) < absl::Now()) {
    return absl::PermissionDeniedError(
        "the enrolment file has expired: ask the admin for a new one "
        "(`nightsafe-admin host add` or `reader add`)");
  }
  NS_ASSIGN_OR_RETURN(Credential credential, FromEnrolment(*enrolment));
  const std::string directory = CredentialDirectory(
      client.config_directory, credential.role, credential.name);
  std::unique_ptr<FileSystem> fs = NewPosixFileSystem();
  NS_RETURN_IF_ERROR(RefuseToReplace(*fs, directory, options.replace));
  NS_ASSIGN_OR_RETURN(credential.private_key_pem,
                      PrivateKey(*fs, directory, credential));
  // One that is being replaced works until the new one does.
  if (absl::IsNotFound(fs->Stat(directory + "/certificate.pem").status())) {
    NS_RETURN_IF_ERROR(SaveCredential(*fs, directory, credential));
  } else {
    NS_RETURN_IF_ERROR(WriteFileDurably(*fs, NextKeyFile(directory),
                                        AsBytes(credential.private_key_pem),
                                        0600));
  }
  NS_KILL_POINT("credential.key-saved");
  NS_ASSIGN_OR_RETURN(credential.certificate_pem,
                      FetchCertificate(credential, *enrolment));
  NS_KILL_POINT("credential.certificate-received");
  if (credential.role == CredentialRole::kHost) {
    NS_ASSIGN_OR_RETURN(DepositKey key, FromProto(enrolment->deposit_key()));
    NS_RETURN_IF_ERROR(SaveDepositKey(*fs, directory, key));
  }
  NS_RETURN_IF_ERROR(SaveCredential(*fs, directory, credential));
  fs->Unlink(NextKeyFile(directory)).IgnoreError();  // or there is none
  NS_KILL_POINT("credential.saved");
  const bool host = credential.role == CredentialRole::kHost;
  std::fprintf(stderr, "enrolled as %s %s at %s\nnext:  nightsafe %s\n",
               host ? "host" : "reader", credential.name.c_str(),
               credential.server_address.c_str(),
               host ? "backup PATH" : "snapshots");
  return kExitOk;
}

}  // namespace

void AddEnrolCommand(Program& program, const ClientOptions& client) {
  auto options = std::make_shared<EnrolOptions>();
  CLI::App* command = program.AddCommand(
      "enrol",
      "Join a server with an enrolment file from `nightsafe-admin host add` or "
      "`reader add`");
  command
      ->add_option("FILE", options->file,
                   "the enrolment file; - is standard input")
      ->capture_default_str();
  command->add_flag("--replace", options->replace,
                    "give up the credential that is here");
  program.OnRun(command, [&client, options] { return Run(client, *options); });
}

}  // namespace nightsafe
