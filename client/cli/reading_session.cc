#include "client/cli/reading_session.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/cli/host_connection.h"
#include "client/credential/credential.h"
#include "client/restore/read_access.h"
#include "client/terminal/text.h"
#include "common/base/status.h"
#include "common/crypto/key_file.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

constexpr size_t kMaxKeyFileBytes = 1 << 20;
// About two minutes: a server that is started again may have to recover first.
constexpr int kMaxRetries = 8;

absl::StatusOr<VaultName> ChooseVault(const std::vector<VaultName>& vaults,
                                      const std::string& wanted) {
  for (const VaultName& vault : vaults) {
    if (vault.name == wanted || (wanted.empty() && vaults.size() == 1)) {
      return vault;
    }
  }
  std::string names =
      absl::StrJoin(vaults, ", ", [](std::string* out, const VaultName& vault) {
        absl::StrAppend(out, ShowName(vault.name));
      });
  if (wanted.empty() && !vaults.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "there are several vaults; name one with --vault: ", names));
  }
  return absl::NotFoundError(absl::StrCat(
      "no vault ", wanted, " here; vaults: ", names.empty() ? "none" : names));
}

}  // namespace

void ReadingOptions::AddTo(CLI::App* command) {
  command->add_option("--vault", vault, "if there is more than one");
  command->add_option(
      "--reader", reader,
      "name of the reader credential, if there is more than one");
  command
      ->add_option("--key", key_file,
                   "read key or recovery key; default: read.key beside the "
                   "credentials")
      ->envname("NIGHTSAFE_KEY");
  command->add_option(
      "--server", server,
      "unix:PATH of `nightsafed rescue`: needs no credential, only the key");
  command->add_option(
      "--vault-id", vault_id,
      "with --server and a recovery key: the id on the recovery sheet");
  passphrase.AddOptions(command);
}

std::string SnapshotNameHelp() {
  return "A snapshot is named HOST[/SET][@latest|@DATE|@ID][:/PATH]. DATE is "
         "2026-11-23 or 2026-11-23T14:00[:05][Z] and stands for the last "
         "snapshot received until the end of that day, minute or second, in "
         "local time unless a Z follows. ID is at least six digits of the "
         "snapshot's id. The set may be left out if the host has only one.";
}

ReadingSession::ReadingSession(const ClientOptions& client,
                               const ReadingOptions& options)
    : client_(client), options_(options) {
  if (options_.server.empty()) options_.server = client.server;
  if (options_.key_file.empty()) options_.key_file = client.key_file;
  if (options_.vault.empty()) options_.vault = client.vault;
  if (options_.vault_id.empty()) options_.vault_id = client.vault_id;
}

absl::StatusOr<std::unique_ptr<ReadingSession>> ReadingSession::Open(
    const ClientOptions& client, const ReadingOptions& options) {
  std::unique_ptr<ReadingSession> session(new ReadingSession(client, options));
  NS_RETURN_IF_ERROR(session->options_.server.empty()
                         ? session->ConnectAsReader()
                         : session->ConnectToSocket());
  return session;
}

absl::Status ReadingSession::ConnectAsReader() {
  NS_ASSIGN_OR_RETURN(Credential credential,
                      LoadReader(*NewPosixFileSystem(),
                                 client_.config_directory, options_.reader));
  const std::string directory = CredentialDirectory(
      client_.config_directory, CredentialRole::kReader, credential.name);
  NS_RETURN_IF_ERROR(CheckCredential(directory, credential));
  NS_ASSIGN_OR_RETURN(VaultName vault,
                      ChooseVault(credential.vaults, options_.vault));
  vault_ = vault.name;
  vault_id_ = vault.id;
  RenewIfDue(*NewPosixFileSystem(), directory, credential);
  NS_ASSIGN_OR_RETURN(
      connection_, Connection::Open(ConnectionOf(credential), SystemClock()));
  retrieve_ = std::make_unique<RetrieveClient>(*connection_);
  return absl::OkStatus();
}

absl::Status ReadingSession::ConnectToSocket() {
  if (!absl::StartsWith(options_.server, "unix:")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--server ", options_.server,
        ": only unix:PATH is possible here; a server in the network needs a "
        "reader credential, which `nightsafe enrol` fetches"));
  }
  ConnectionOptions connection;
  connection.address = options_.server;
  NS_ASSIGN_OR_RETURN(connection_, Connection::Open(connection, SystemClock()));
  retrieve_ = std::make_unique<RetrieveClient>(*connection_);
  NS_ASSIGN_OR_RETURN(std::vector<RemoteVault> remote, retrieve_->ListVaults());
  std::vector<VaultName> vaults;
  for (const RemoteVault& vault : remote) {
    vaults.push_back({vault.name, vault.vault_id});
  }
  NS_ASSIGN_OR_RETURN(VaultName vault, ChooseVault(vaults, options_.vault));
  vault_ = vault.name;
  if (options_.vault_id.empty()) return absl::OkStatus();
  absl::StatusOr<VaultId> id = VaultId::FromHex(options_.vault_id);
  if (!id.ok()) {
    return absl::InvalidArgumentError(
        "--vault-id: expected the 64 hex digits of the recovery sheet");
  }
  vault_id_ = *id;
  return absl::OkStatus();
}

std::string ReadingSession::KeyFile() const {
  if (!options_.key_file.empty()) return options_.key_file;
  return absl::StrCat(client_.config_directory, "/read.key");
}

bool ReadingSession::HasKey() const {
  return !options_.key_file.empty() ||
         NewPosixFileSystem()->Stat(KeyFile()).ok();
}

absl::StatusOr<ReadKey> ReadingSession::OpenKey() const {
  std::string file = KeyFile();
  absl::StatusOr<std::string> text =
      ReadWholeFile(*NewPosixFileSystem(), file, kMaxKeyFileBytes);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(absl::StrCat(
        "no key at ", file,
        ": name a read key or the recovery key with --key; `nightsafe key "
        "derive read` makes a read key"));
  }
  NS_RETURN_IF_ERROR(text.status());
  absl::StatusOr<KeyFileSummary> summary = DescribeKeyFile(*text);
  if (!summary.ok()) return Annotate(summary.status(), file);
  std::string secret;
  if (summary->is_protected) {
    NS_ASSIGN_OR_RETURN(
        secret, options_.passphrase.Ask(absl::StrCat("passphrase of ", file)));
  }
  absl::StatusOr<ReadKey> key =
      OpenReadAccess(*text, secret, vault_id_,
                     [this] { return retrieve_->GetKeyring(vault_); });
  EraseString(secret);
  EraseString(*text);
  if (!key.ok()) return Annotate(key.status(), file);
  if (!vault_id_.has_value() &&
      summary->kind == v1::format::KeyFile::RECOVERY) {
    std::fprintf(stderr,
                 "vault id %s\n"
                 "compare it with the recovery sheet: if it differs, what "
                 "follows was made by somebody else\n",
                 key->vault_id.Hex().c_str());
  }
  return key;
}

absl::StatusOr<Catalog> ReadingSession::LoadCatalog(const std::string& host,
                                                    const ReadKey* key) const {
  NS_ASSIGN_OR_RETURN(std::vector<RemoteSnapshot> listed,
                      retrieve_->ListSnapshots(vault_, host, ""));
  Catalog catalog = Catalog::Create(std::move(listed), key);
  if (catalog.malformed() > 0) {
    std::fprintf(stderr,
                 "warning: %zu snapshots in the server's list are damaged and "
                 "left out\n",
                 catalog.malformed());
  }
  return catalog;
}

ObjectSource ReadingSession::ObjectsOf(const Snapshot& snapshot) const {
  return ObjectSource(
      [client = retrieve_.get(), vault = vault_,
       domain = snapshot.domain_number](const std::vector<ObjectId>& ids,
                                        const ObjectTake& take) {
        return client->FetchObjects(vault, domain, ids, take);
      },
      {.max_retries = kMaxRetries,
       .on_wait = [said = std::make_shared<std::atomic<int64_t>>(0)](
                      const absl::Status& why, absl::Duration wait) {
         // Several requests break with one connection.
         const int64_t now = absl::ToUnixSeconds(absl::Now());
         if (now - said->exchange(now) <= 1) return;
         std::fprintf(stderr, "%s; trying again in %s\n",
                      std::string(why.message()).c_str(),
                      ShowDuration(wait).c_str());
       }});
}

absl::StatusOr<ChosenSnapshot> ChooseSnapshot(const ClientOptions& client,
                                              const ReadingOptions& options,
                                              const std::string& name) {
  NS_ASSIGN_OR_RETURN(SnapshotName parsed,
                      ParseSnapshotName(name, absl::LocalTimeZone()));
  ChosenSnapshot chosen;
  chosen.path = parsed.path;
  NS_ASSIGN_OR_RETURN(chosen.session, ReadingSession::Open(client, options));
  NS_ASSIGN_OR_RETURN(ReadKey key, chosen.session->OpenKey());
  NS_ASSIGN_OR_RETURN(chosen.catalog,
                      chosen.session->LoadCatalog(parsed.host, &key));
  if (chosen.catalog.snapshots().empty()) {
    // All of them, so that the message can name the hosts that there are.
    NS_ASSIGN_OR_RETURN(chosen.catalog, chosen.session->LoadCatalog("", &key));
  }
  NS_ASSIGN_OR_RETURN(chosen.snapshot, chosen.catalog.Resolve(parsed));
  const Snapshot& snapshot = *chosen.snapshot;
  const v1::format::ManifestClear& clear = snapshot.manifest.clear;
  std::fprintf(stderr, "snapshot  %s/%s@%s, received %s (%s ago)\n",
               ShowName(clear.host()).c_str(), ShowName(clear.set()).c_str(),
               ShortId(snapshot.manifest.id).c_str(),
               ShowTime(snapshot.received).c_str(),
               ShowDuration(absl::Now() - snapshot.received).c_str());
  if (snapshot.life == SnapshotLife::kExpired) {
    std::fprintf(stderr,
                 "warning: it expired on %s and will be gone when its time in "
                 "the trash is over: `nightsafe-admin trash undelete` keeps "
                 "it\n",
                 ShowTime(snapshot.expired_at).c_str());
  }
  for (const std::string& warning : snapshot.warnings) {
    std::fprintf(stderr, "warning: %s\n", ShowName(warning).c_str());
  }
  return chosen;
}

}  // namespace nightsafe
