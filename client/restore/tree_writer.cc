#include "client/restore/tree_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/restore/special_file.h"
#include "common/base/ids.h"
#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "common/crypto/random.h"
#include "common/tree/path_key.h"

namespace nightsafe {
namespace {

using TemporaryId = Id<struct TemporaryIdTag, 8>;

std::string PathOf(const TreeEntry& entry) {
  return JoinPath(entry.key.directory, entry.key.name);
}

}  // namespace

TreeWriter::TreeWriter(const TargetRoot& root, WriterOptions options,
                       RestoreReport& report)
    : root_(root), options_(std::move(options)), report_(report) {
  struct stat info = {};
  if (fstat(root_.fd(), &info) == 0) {
    directories_.push_back({"", IdentityOf(info), nullptr});
    directory_places_.emplace("", 0);
  }
}

MetadataTrouble TreeWriter::TroubleWith(const TreeEntry& entry) {
  return [this, path = PathOf(entry)](absl::string_view reason) {
    report_.Add(Trouble::kNotApplied, path, reason);
  };
}

absl::StatusOr<FileDescriptor> TreeWriter::OpenKnownDirectory(
    const std::string& path) const {
  auto place = directory_places_.find(path);
  if (place == directory_places_.end()) {
    return absl::FailedPreconditionError(
        "its directory was not restored, or is none");
  }
  NS_ASSIGN_OR_RETURN(FileDescriptor fd, root_.OpenDirectory(path));
  struct stat info = {};
  if (fstat(fd.get(), &info) != 0) return SystemError("its directory");
  if (!(IdentityOf(info) == directories_[place->second].identity)) {
    return Annotate(Replaced(), "its directory");
  }
  return fd;
}

absl::Status TreeWriter::EnterDirectory(const std::string& path) {
  if (current_.valid() && current_path_ == path) return absl::OkStatus();
  current_.Reset();
  NS_ASSIGN_OR_RETURN(current_, OpenKnownDirectory(path));
  current_path_ = path;
  return absl::OkStatus();
}

absl::Status TreeWriter::Begin(std::shared_ptr<const TreeEntry> entry) {
  file_.reset();
  absl::Status made = Make(entry);
  if (made.ok()) return absl::OkStatus();
  if (absl::IsResourceExhausted(made)) {
    return Annotate(absl::FailedPreconditionError(made.message()),
                    PathOf(*entry));
  }
  Forget(*entry);
  report_.Add(Trouble::kNotWritten, PathOf(*entry), made.message());
  return absl::OkStatus();
}

absl::Status TreeWriter::Make(const std::shared_ptr<const TreeEntry>& entry) {
  const PathKey& key = entry->key;
  if (key.name.empty() && key.directory.empty()) return MakeRoot(entry);
  if (!IsSafeName(key.name) || entry->entry.name() != key.name) {
    return absl::DataLossError("the name is not allowed");
  }
  if (FormatOf(entry->entry.type()) == 0) {
    return absl::DataLossError("of unknown type");
  }
  if (entry->entry.type() == v1::format::REGULAR && entry->entry.unreadable()) {
    report_.Add(Trouble::kNotSaved, PathOf(*entry),
                "could not be read when the snapshot was made");
    return absl::OkStatus();
  }
  NS_RETURN_IF_ERROR(EnterDirectory(key.directory));
  if (entry->entry.type() == v1::format::DIRECTORY) {
    if (entry->entry.unreadable()) {
      report_.Add(Trouble::kNotSaved, PathOf(*entry),
                  "its names could not be read when the snapshot was made");
    }
    return MakeDirectory(entry);
  }
  uint64_t group = entry->entry.link_group();
  if (group != 0) {
    if (lost_links_.contains(group)) {
      return absl::DataLossError(
          "a hard link to a file that could not be restored");
    }
    auto source = link_sources_.find(group);
    if (source != link_sources_.end()) {
      return MakeLink(*entry, source->second);
    }
  }
  if (entry->entry.type() == v1::format::REGULAR) return MakeFile(entry);
  return MakeSpecial(*entry);
}

absl::Status TreeWriter::MakeRoot(
    const std::shared_ptr<const TreeEntry>& entry) {
  if (entry->entry.type() != v1::format::DIRECTORY || directories_.empty()) {
    return absl::DataLossError("the root is no directory");
  }
  if (!root_.into_existing()) directories_[0].entry = entry;
  ++report_.entries;
  return absl::OkStatus();
}

absl::Status TreeWriter::MakeDirectory(
    const std::shared_ptr<const TreeEntry>& entry) {
  std::string path = PathOf(*entry);
  if (directory_places_.contains(path)) {
    return absl::DataLossError("appears twice in the snapshot");
  }
  const char* name = entry->key.name.c_str();
  bool existed = mkdirat(current_.get(), name, 0700) != 0;
  if (existed && (errno != EEXIST || !root_.into_existing())) {
    return CannotMake();
  }
  FileDescriptor fd(openat(current_.get(), name,
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return existed ? CannotMake() : SystemError("directory");
  struct stat info = {};
  if (fstat(fd.get(), &info) != 0) return SystemError("directory");
  NS_KILL_POINT("restore.directory-made");
  if (!existed) {
    // One of another owner is not the one just made.
    if (info.st_uid != geteuid()) return Replaced();
    ApplyEarlyFlags(fd.get(), entry->entry, TroubleWith(*entry));
  }
  directory_places_.emplace(path, directories_.size());
  directories_.push_back(
      {std::move(path), IdentityOf(info), existed ? nullptr : entry});
  ++report_.entries;
  return absl::OkStatus();
}

absl::Status TreeWriter::MakeFile(
    const std::shared_ptr<const TreeEntry>& entry) {
  struct stat there = {};
  if (fstatat(current_.get(), entry->key.name.c_str(), &there,
              AT_SYMLINK_NOFOLLOW) == 0) {
    errno = EEXIST;
    return CannotMake();
  }
  OpenFile file;
  file.temporary =
      absl::StrCat(".nightsafe-partial-", RandomId<TemporaryId>().Hex());
  file.fd = FileDescriptor(
      openat(current_.get(), file.temporary.c_str(),
             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.fd.valid()) return CannotMake();
  NS_KILL_POINT("restore.file-created");
  struct stat info = {};
  if (fstat(file.fd.get(), &info) != 0) return SystemError("cannot be made");
  file.entry = entry;
  file.identity = IdentityOf(info);
  file_ = std::move(file);
  ApplyEarlyFlags(file_->fd.get(), entry->entry, TroubleWith(*entry));
  uint64_t size = entry->entry.size_bytes();
  if (size > INT64_MAX ||
      ftruncate(file_->fd.get(), static_cast<off_t>(size)) != 0) {
    absl::Status status = size > INT64_MAX
                              ? absl::DataLossError("its size is out of range")
                              : SystemError("cannot be made");
    RemoveFile(*std::exchange(file_, std::nullopt));
    return status;
  }
  return absl::OkStatus();
}

absl::Status TreeWriter::MakeSpecial(const TreeEntry& entry) {
  NS_ASSIGN_OR_RETURN(FileDescriptor fd,
                      MakeSpecialFile(current_.get(), entry.entry));
  struct stat info = {};
  if (fstat(fd.get(), &info) != 0) return SystemError("cannot be made");
  ApplyMetadata(fd.get(), entry.entry, options_.metadata, TroubleWith(entry));
  Remember(entry, IdentityOf(info));
  ++report_.entries;
  return absl::OkStatus();
}

// Never follows the source's name; if another inode was put there meanwhile,
// the new name is taken away again.
absl::Status TreeWriter::MakeLink(const TreeEntry& entry,
                                  const LinkSource& source) {
  if (source.type != entry.entry.type()) {
    return absl::DataLossError("a hard link to an entry of another type");
  }
  NS_ASSIGN_OR_RETURN(FileDescriptor from,
                      OpenKnownDirectory(source.directory));
  const char* name = entry.key.name.c_str();
  if (linkat(from.get(), source.name.c_str(), current_.get(), name, 0) != 0) {
    return CannotMake();
  }
  struct stat info = {};
  if (fstatat(current_.get(), name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return Replaced();
  }
  if (!(IdentityOf(info) == source.identity)) {
    unlinkat(current_.get(), name, 0);
    return Annotate(Replaced(), "the file it is a hard link to");
  }
  ++report_.entries;
  if (entry.entry.type() == v1::format::REGULAR) {
    ++report_.files;
    report_.file_bytes += entry.entry.size_bytes();
  }
  return absl::OkStatus();
}

void TreeWriter::Remember(const TreeEntry& entry,
                          const FileIdentity& identity) {
  if (entry.entry.link_group() == 0) return;
  link_sources_.emplace(entry.entry.link_group(),
                        LinkSource{entry.key.directory, entry.key.name,
                                   identity, entry.entry.type()});
}

// Its content came with this name only, so other names cannot be made either.
void TreeWriter::Forget(const TreeEntry& entry) {
  uint64_t group = entry.entry.link_group();
  if (group != 0 && !link_sources_.contains(group)) lost_links_.insert(group);
}

absl::Status TreeWriter::Write(uint64_t offset, ByteView bytes) {
  if (!file_.has_value() || !file_->fd.valid()) return absl::OkStatus();
  NS_KILL_POINT("restore.before-write");
  uint64_t size = file_->entry->entry.size_bytes();
  if (offset > size || bytes.size() > size - offset) {
    MarkDamaged("its content is longer than its size");
    return absl::OkStatus();
  }
  while (!bytes.empty()) {
    ssize_t done = pwrite(file_->fd.get(), bytes.data(), bytes.size(),
                          static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) {
      absl::Status status = SystemError("writing");
      std::string path = PathOf(*file_->entry);
      bool full = absl::IsResourceExhausted(status);
      Forget(*file_->entry);
      RemoveFile(*std::exchange(file_, std::nullopt));
      if (full) {
        return absl::FailedPreconditionError(
            absl::StrCat(path, ": ", status.message()));
      }
      report_.Add(Trouble::kNotWritten, path, status.message());
      return absl::OkStatus();
    }
    bytes = bytes.subspan(static_cast<size_t>(done));
    offset += static_cast<uint64_t>(done);
    report_.written_bytes += static_cast<uint64_t>(done);
  }
  return absl::OkStatus();
}

void TreeWriter::MarkDamaged(absl::string_view reason) {
  if (file_.has_value() && file_->damage.empty()) {
    file_->damage = std::string(reason);
  }
}

void TreeWriter::RemoveFile(const OpenFile& file) {
  const char* name = file.temporary.c_str();
  struct stat info = {};
  if (fstatat(current_.get(), name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
      IdentityOf(info) == file.identity) {
    unlinkat(current_.get(), name, 0);
  }
}

// Gives the file its name, unless something else took it meanwhile.
absl::Status TreeWriter::Publish(const OpenFile& file) {
  const char* temporary = file.temporary.c_str();
  const char* name = file.entry->key.name.c_str();
  const int directory = current_.get();
  bool done =
      renameat2(directory, temporary, directory, name, RENAME_NOREPLACE) == 0;
  // Some network file systems do not know that flag.
  if (!done && (errno == EINVAL || errno == ENOSYS)) {
    done = linkat(directory, temporary, directory, name, 0) == 0;
    if (done) unlinkat(directory, temporary, 0);
  }
  if (!done) return CannotMake();
  struct stat info = {};
  if (fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
      !(IdentityOf(info) == file.identity)) {
    return Replaced();
  }
  return absl::OkStatus();
}

absl::Status TreeWriter::End() {
  if (!file_.has_value()) return absl::OkStatus();
  OpenFile file = *std::exchange(file_, std::nullopt);
  const TreeEntry& entry = *file.entry;
  if (!file.damage.empty()) {
    report_.Add(Trouble::kDamaged, PathOf(entry),
                absl::StrCat(file.damage, options_.keep_damaged
                                              ? "; kept with zeroes instead"
                                              : "; not restored"));
    if (!options_.keep_damaged) {
      Forget(entry);
      RemoveFile(file);
      return absl::OkStatus();
    }
  }
  NS_KILL_POINT("restore.before-attributes");
  ApplyMetadata(file.fd.get(), entry.entry, options_.metadata,
                TroubleWith(entry));
  NS_KILL_POINT("restore.file-ended");
  absl::Status published = Publish(file);
  if (!published.ok()) {
    Forget(entry);
    RemoveFile(file);
    report_.Add(Trouble::kNotWritten, PathOf(entry), published.message());
    return absl::OkStatus();
  }
  Remember(entry, file.identity);
  if (HasLockingFlags(entry.entry)) {
    // Further names of a locked inode could not be made.
    locked_later_.push_back({file.entry, file.identity});
  }
  ++report_.entries;
  ++report_.files;
  report_.file_bytes += entry.entry.size_bytes();
  return absl::OkStatus();
}

void TreeWriter::Lock(const LockedLater& file) {
  MetadataTrouble trouble = TroubleWith(*file.entry);
  absl::StatusOr<FileDescriptor> parent =
      OpenKnownDirectory(file.entry->key.directory);
  if (!parent.ok()) return trouble(parent.status().message());
  FileDescriptor fd(openat(parent->get(), file.entry->key.name.c_str(),
                           O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info = {};
  if (!fd.valid() || fstat(fd.get(), &info) != 0 ||
      !(IdentityOf(info) == file.identity)) {
    return trouble(Replaced().message());
  }
  ApplyLockingFlags(fd.get(), file.entry->entry, trouble);
}

absl::Status TreeWriter::Finish() {
  for (const LockedLater& file : locked_later_) Lock(file);
  NS_KILL_POINT("restore.contents-written");
  current_.Reset();
  for (auto it = directories_.rbegin(); it != directories_.rend(); ++it) {
    if (it->entry == nullptr) continue;
    MetadataTrouble trouble = TroubleWith(*it->entry);
    absl::StatusOr<FileDescriptor> fd = OpenKnownDirectory(it->path);
    if (!fd.ok()) {
      trouble(fd.status().message());
      continue;
    }
    ApplyMetadata(fd->get(), it->entry->entry, options_.metadata, trouble);
    ApplyLockingFlags(fd->get(), it->entry->entry, trouble);
  }
  // What is still in memory may not fit, or the disk may fail; nobody would
  // learn of it.
  if (syncfs(root_.fd()) == 0) return absl::OkStatus();
  return SystemError("the target's file system could not store all of it");
}

}  // namespace nightsafe
