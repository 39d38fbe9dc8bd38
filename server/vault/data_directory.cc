#include "server/vault/data_directory.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "common/base/kill_point.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

constexpr mode_t kDirectoryMode = 0750;
constexpr size_t kMaxVersionBytes = 64;

std::string LockPath(absl::string_view path) {
  return absl::StrCat(path, "/LOCK");
}
std::string VersionPath(absl::string_view path) {
  return absl::StrCat(path, "/VERSION");
}
std::string ServerPath(absl::string_view path) {
  return absl::StrCat(path, "/server");
}
std::string VaultsPath(absl::string_view path) {
  return absl::StrCat(path, "/vaults");
}
std::string IndexPath(absl::string_view path) {
  return absl::StrCat(path, "/index");
}

// A second server would steal sockets and write into the same packs.
absl::StatusOr<std::unique_ptr<FileLock>> LockDirectory(
    FileSystem& fs, absl::string_view path) {
  NS_RETURN_IF_ERROR(fs.Stat(path).status());
  auto lock = fs.Lock(LockPath(path));
  if (!absl::IsFailedPrecondition(lock.status())) return lock;
  return absl::FailedPreconditionError(
      absl::StrCat(path, " is in use by another process: stop that one first (",
                   lock.status().message(), ")"));
}

absl::Status VersionDamaged(absl::string_view path, absl::string_view how) {
  return absl::DataLossError(absl::StrCat(
      VersionPath(path), " ", how, ": put it back; a data directory of this ",
      "program says ", kDataVersion, " there"));
}

absl::Status CheckVersion(FileSystem& fs, absl::string_view path) {
  absl::StatusOr<std::string> text =
      ReadWholeFile(fs, VersionPath(path), kMaxVersionBytes);
  if (absl::IsNotFound(text.status()) && fs.Stat(ServerPath(path)).ok()) {
    return VersionDamaged(path,
                          "is missing (if `nightsafed init` was interrupted, "
                          "remove the directory and run it again)");
  }
  if (absl::IsNotFound(text.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat(path,
                     " is no data directory: it has no VERSION; make one with "
                     "`nightsafed init`"));
  }
  if (absl::IsResourceExhausted(text.status())) {
    return VersionDamaged(path, "is too long");
  }
  NS_RETURN_IF_ERROR(text.status());
  int version = 0;
  if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &version)) {
    return VersionDamaged(path, "holds no number");
  }
  if (version == kDataVersion) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path, " has version ", version, ", this program reads version ",
      kDataVersion, ": use the program that wrote it, or a newer one; if ",
      VersionPath(path), " is damaged, put it back"));
}

// A start that fails must tell of them too: who reads the message may have
// nothing else.
absl::Status WithLosses(const absl::Status& status,
                        const StartupReport& report) {
  if (report.losses.empty()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(status.message(), "; found before that: ",
                                   absl::StrJoin(report.losses, "; ")));
}

absl::Status CheckEmpty(FileSystem& fs, absl::string_view path) {
  NS_ASSIGN_OR_RETURN(std::vector<std::string> names, fs.List(path));
  if (names.empty()) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat(path, " is not empty: it holds ", names.front()));
}

}  // namespace

absl::Status DataDirectory::Init(FileSystem& fs, absl::string_view path,
                                 const ServerId& server,
                                 const VerifyKey& first_admin_key,
                                 const Clock& clock) {
  NS_RETURN_IF_ERROR(MakeDirectoriesDurably(fs, path, kDirectoryMode));
  NS_RETURN_IF_ERROR(CheckEmpty(fs, path));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock, LockDirectory(fs, path));
  for (const std::string& directory :
       {ServerPath(path), VaultsPath(path), IndexPath(path)}) {
    NS_RETURN_IF_ERROR(MakeDirectoriesDurably(fs, directory, kDirectoryMode));
  }
  NS_KILL_POINT("init.directories-made");
  NS_RETURN_IF_ERROR(
      Registry::Init(fs, ServerPath(path), server, first_admin_key, clock));
  NS_KILL_POINT("init.registry-made");
  // Last: without it the directory is none.
  return CreateFileDurably(fs, VersionPath(path),
                           AsBytes(absl::StrCat(kDataVersion, "\n")), 0640);
}

DataDirectory::DataDirectory(FileSystem& fs, absl::string_view path,
                             const Clock& clock, const DataOptions& options,
                             bool read_only)
    : fs_(fs),
      path_(path),
      clock_(clock),
      options_(options),
      read_only_(read_only) {}

DataDirectory::~DataDirectory() = default;

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::Open(
    FileSystem& fs, absl::string_view path, const Clock& clock,
    const DataOptions& options, StartupReport& report) {
  auto data = OpenWith(fs, path, clock, options, report, {});
  if (!absl::IsResourceExhausted(data.status())) {
    return data.ok() ? std::move(data) : WithLosses(data.status(), report);
  }
  report = {.clean = false};
  auto readable = OpenFull(fs, path, clock, options, report, data.status());
  return readable.ok() ? std::move(readable)
                       : WithLosses(data.status(), report);
}

// As for a rescue, but what asks for no room in vaults can be changed.
absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::OpenFull(
    FileSystem& fs, absl::string_view path, const Clock& clock,
    const DataOptions& options, StartupReport& report,
    const absl::Status& reason) {
  std::unique_ptr<DataDirectory> data(
      new DataDirectory(fs, path, clock, options, /*read_only=*/true));
  data->full_reason_ = absl::StrCat("there was no room to start (",
                                    reason.message(), "): snapshots can be ",
                                    "restored and nothing can be deposited "
                                    "until there is room and nightsafed "
                                    "is started again");
  NS_ASSIGN_OR_RETURN(data->lock_, LockDirectory(fs, path));
  NS_RETURN_IF_ERROR(CheckVersion(fs, path));
  NS_ASSIGN_OR_RETURN(data->registry_,
                      Registry::Open(fs, ServerPath(path), clock));
  NS_ASSIGN_OR_RETURN(data->index_, ObjectIndex::OpenInMemory());
  NS_RETURN_IF_ERROR(data->OpenVaults(report, {}));
  for (Vault* vault : data->Vaults()) {
    vault->RefuseSessions(absl::ResourceExhaustedError(
        "the server is read-only: its disk was full when it started; earlier "
        "snapshots are intact; free space there, start nightsafed again, "
        "then the backup"));
  }
  report.notes.push_back(data->full_reason_);
  return data;
}

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::OpenWith(
    FileSystem& fs, absl::string_view path, const Clock& clock,
    const DataOptions& options, StartupReport& report,
    const IndexProgress& progress) {
  std::unique_ptr<DataDirectory> data(
      new DataDirectory(fs, path, clock, options, /*read_only=*/false));
  NS_ASSIGN_OR_RETURN(data->lock_, LockDirectory(fs, path));
  NS_RETURN_IF_ERROR(CheckVersion(fs, path));
  NS_ASSIGN_OR_RETURN(data->registry_,
                      Registry::Open(fs, ServerPath(path), clock));
  NS_KILL_POINT("startup.registry-open");
  if (data->registry_->found_torn_tail()) {
    report.notes.push_back(
        "the server journal ends with a record that was never finished: what "
        "was changed just before the last stop (hosts, readers, tokens) may "
        "have to be done again");
  }
  NS_ASSIGN_OR_RETURN(data->index_,
                      ObjectIndex::Open(IndexPath(path), options.index_env));
  NS_KILL_POINT("startup.index-open");
  NS_RETURN_IF_ERROR(data->OpenVaults(report, progress));
  NS_KILL_POINT("startup.vaults-open");
  return data;
}

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::OpenForRescue(
    FileSystem& fs, absl::string_view path, const Clock& clock,
    StartupReport& report) {
  std::unique_ptr<DataDirectory> data(
      new DataDirectory(fs, path, clock, DataOptions{}, /*read_only=*/true));
  NS_RETURN_IF_ERROR(CheckVersion(fs, path));
  NS_ASSIGN_OR_RETURN(data->registry_,
                      Registry::OpenReadOnly(fs, ServerPath(path), clock));
  NS_ASSIGN_OR_RETURN(data->index_, ObjectIndex::OpenInMemory());
  NS_RETURN_IF_ERROR(data->OpenVaults(report, {}));
  return data;
}

absl::StatusOr<uint64_t> DataDirectory::Rebuild(
    FileSystem& fs, absl::string_view path, const Clock& clock,
    const std::function<void(uint64_t)>& progress, StartupReport* report,
    const DataOptions& options) {
  {
    NS_ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock,
                        LockDirectory(fs, path));
    NS_RETURN_IF_ERROR(CheckVersion(fs, path));
    NS_RETURN_IF_ERROR(
        ObjectIndex::Destroy(IndexPath(path), options.index_env));
    NS_KILL_POINT("rebuild.index-removed");
  }
  StartupReport unread;
  StartupReport& found = report != nullptr ? *report : unread;
  found = {};
  DataOptions take_back = options;
  take_back.take_back_removed = true;
  NS_ASSIGN_OR_RETURN(std::unique_ptr<DataDirectory> data,
                      OpenWith(fs, path, clock, take_back, found, progress));
  NS_KILL_POINT("rebuild.index-made");
  NS_RETURN_IF_ERROR(data->Close());
  return found.objects_indexed;
}

absl::Status DataDirectory::OpenVaults(StartupReport& report,
                                       const IndexProgress& progress) {
  for (const VaultRegistration& registration : registry_->Vaults()) {
    absl::Status status = OpenVault(registration, report, progress);
    if (!status.ok()) {
      return Annotate(status, absl::StrCat("vault ", registration.name));
    }
  }
  return absl::OkStatus();
}

absl::Status DataDirectory::OpenVault(const VaultRegistration& registration,
                                      StartupReport& report,
                                      const IndexProgress& progress) {
  const VaultPaths paths(
      absl::StrCat(VaultsPath(path_), "/", registration.name));
  std::unique_ptr<Vault> vault;
  if (read_only_) {
    NS_ASSIGN_OR_RETURN(vault, Vault::OpenReadOnly(fs_, paths, registration,
                                                   clock_, *index_, report));
  } else {
    NS_ASSIGN_OR_RETURN(
        vault, Vault::Open(fs_, paths, registration, clock_, *index_, options_,
                           report, progress));
  }
  if (!read_only_) CopyAdminKeys(*vault, report);
  absl::MutexLock lock(&mutex_);
  vaults_[registration.name] = std::move(vault);
  return absl::OkStatus();
}

// Without them a vault obeys fewer keys: no reason for a start to fail.
void DataDirectory::CopyAdminKeys(Vault& vault, StartupReport& report) {
  const absl::Status status = vault.CopyAdminKeys(registry_->AdminKeyOrders());
  if (status.ok()) return;
  report.notes.push_back(
      absl::StrCat("vault ", vault.registration().name,
                   ": orders of later admin keys are not taken there yet (",
                   status.message(), "); the next start tries again"));
}

absl::Status DataDirectory::Obey(const v1::format::SignedOrder& signed_order,
                                 absl::string_view sealed_keyring) {
  // Where it goes; who obeys it verifies it.
  v1::format::Order order;
  if (!order.ParseFromString(signed_order.order())) {
    return absl::InvalidArgumentError("order: it does not parse");
  }
  if (ConcernsVault(order)) {
    NS_ASSIGN_OR_RETURN(Vault * vault, FindVault(order.vault()));
    return vault->Obey(signed_order, sealed_keyring);
  }
  NS_RETURN_IF_ERROR(registry_->Submit(signed_order));
  if (!order.has_add_admin_key()) return absl::OkStatus();
  for (Vault* vault : Vaults()) {
    NS_RETURN_IF_ERROR(vault->CopyAdminKeys(registry_->AdminKeyOrders()));
  }
  return absl::OkStatus();
}

absl::Status DataDirectory::AddVault(const VaultRegistration& vault,
                                     ByteView sealed_keyring) {
  NS_RETURN_IF_ERROR(ValidateName("vault", vault.name));
  if (read_only_) {
    return absl::FailedPreconditionError("open for reading only");
  }
  absl::MutexLock adding(&adding_mutex_);
  if (registry_->FindVault(vault.name).ok()) {
    return absl::AlreadyExistsError(
        absl::StrCat("there is a vault named ", vault.name));
  }
  const VaultPaths paths(absl::StrCat(VaultsPath(path_), "/", vault.name));
  // The registration comes last: a vault that is registered has its journal.
  const absl::Status created =
      Vault::Create(fs_, paths, vault, registry_->server_id(),
                    registry_->first_admin_key(), sealed_keyring, clock_);
  if (!absl::IsAlreadyExists(created)) {
    NS_RETURN_IF_ERROR(created);
  } else if (!VaultJournal::OpenReadOnly(fs_, paths.journal, vault, clock_)
                  .ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        paths.journal, " is what an interrupted addition of another vault of ",
        "that name left; nothing needs it: remove ", VaultsPath(path_), "/",
        vault.name, ", or choose another name"));
  }
  NS_KILL_POINT("vault.made");
  NS_RETURN_IF_ERROR(registry_->AddVault(vault));
  NS_KILL_POINT("vault.registered");
  StartupReport report;
  return OpenVault(vault, report, {});
}

absl::StatusOr<Vault*> DataDirectory::FindVault(absl::string_view name) {
  absl::MutexLock lock(&mutex_);
  const auto it = vaults_.find(std::string(name));
  if (it != vaults_.end()) return it->second.get();
  return absl::NotFoundError(absl::StrCat("there is no vault named ", name));
}

std::vector<Vault*> DataDirectory::Vaults() {
  absl::MutexLock lock(&mutex_);
  std::vector<Vault*> vaults;
  for (const auto& [name, vault] : vaults_) vaults.push_back(vault.get());
  return vaults;
}

absl::StatusOr<JournalContents> DataDirectory::ReadJournalOf(
    const std::string& vault, const JournalRecordCallback& take) {
  if (vault.empty()) {
    return ReadJournal(fs_, absl::StrCat(path_, "/server/journal"),
                       {.kind = JournalKind::kServer,
                        .owner = JournalOwnerOf(registry_->server_id())},
                       take);
  }
  NS_ASSIGN_OR_RETURN(Vault * found, FindVault(vault));
  const VaultRegistration& registration = found->registration();
  const VaultPaths paths(
      absl::StrCat(VaultsPath(path_), "/", registration.name));
  return ReadJournal(
      fs_, paths.journal,
      {.kind = JournalKind::kVault, .owner = JournalOwnerOf(registration.id)},
      take);
}

std::string DataDirectory::read_only_reason() const {
  if (!full_reason_.empty()) return full_reason_;
  absl::MutexLock lock(&mutex_);
  for (const auto& [name, vault] : vaults_) {
    std::string reason = vault->read_only_reason();
    if (!reason.empty()) return reason;
  }
  return "";
}

absl::Status DataDirectory::Close() {
  if (read_only_) return absl::OkStatus();
  absl::Status first;
  for (Vault* vault : Vaults()) {
    const absl::Status status = vault->Close();
    if (first.ok()) first = status;
  }
  return first;
}

}  // namespace nightsafe
