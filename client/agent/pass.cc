#include "client/agent/pass.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/agent/descriptor.h"
#include "common/base/status.h"
#include "common/tree/path_key.h"

namespace nightsafe {
namespace {

constexpr int kSealThreads = 2;
constexpr absl::Duration kReportEvery = absl::Milliseconds(200);

// A file is read again after 20 to 30 days, whatever its stamp says: by inode,
// so that not all fall due at once.
constexpr int64_t kDaySeconds = 24 * 60 * 60;
constexpr int64_t kReadAgainAfter = 20 * kDaySeconds;
constexpr uint64_t kReadAgainSpread = 10 * kDaySeconds;

// A change within this time of the one before may leave the same ctime.
constexpr int64_t kClockGrainSeconds = 2;

// Larger ones that changed while they were read are not read again.
constexpr uint64_t kMaxRetryBytes = 256 << 20;

int64_t ReadAgainAt(const StoredEntry& stored) {
  const uint64_t spread =
      stored.entry.stamp.inode * 0x9e3779b97f4a7c15u % kReadAgainSpread;
  return stored.entry.read_at + kReadAgainAfter + static_cast<int64_t>(spread);
}

int64_t TrustedReadTime(const FileStamp& stamp, int64_t now) {
  return stamp.ctime_seconds + kClockGrainSeconds <= now ? now : 0;
}

Descriptor OpenFile(const WalkedEntry& walked) {
  constexpr int kFlags =
      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  const std::string name(walked.name);
  int fd = openat(walked.parent, name.c_str(), kFlags | O_NOATIME);
  if (fd < 0 && errno == EPERM) {
    fd = openat(walked.parent, name.c_str(), kFlags);
  }
  return Descriptor(fd);
}

bool StatOpen(const Descriptor& file, struct statx* stat) {
  return statx(file.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, stat) == 0;
}

std::string PathOf(const WalkedEntry& walked) {
  return walked.name.empty() ? "/" : JoinPath(walked.directory, walked.name);
}

}  // namespace

Pass::Pass(const PassInput& input, Upload& upload, IndexWriter& new_index,
           const OnBackupProgress& on_progress)
    : input_(input),
      upload_(upload),
      on_progress_(on_progress),
      pool_(input.keys, input.compression_level, kSealThreads,
            [&upload](SealedObject object) {
              return upload.Submit(std::move(object));
            }),
      node_sealer_(input.keys, input.compression_level),
      builder_(input.keys, node_sealer_,
               [&input, &upload, &new_index](SealedObject node) {
                 new_index.AddNode(node.ref.id);
                 if (input.known_nodes.contains(node.ref.id)) {
                   return absl::OkStatus();
                 }
                 return upload.Submit(std::move(node));
               }),
      assembler_(builder_, new_index, pool_),
      known_(input.index),
      reader_(input.keys, known_, pool_, assembler_) {
  result_.totals.phase = BackupProgress::Phase::kReading;
  if (input.index != nullptr) {
    cursor_ = std::make_unique<IndexCursor>(*input.index);
  }
}

Pass::~Pass() { pool_.Cancel(); }

absl::StatusOr<PassResult> Pass::RunWalk(const WalkOptions& options) {
  NS_RETURN_IF_ERROR(Walk(
      options, [this](const WalkedEntry& walked) { return OnEntry(walked); },
      [this](const WalkProblem& problem) { OnWalkProblem(problem); }));
  return Finish();
}

absl::StatusOr<PassResult> Pass::RunStream(int descriptor,
                                           const std::string& name) {
  const Descriptor root(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  WalkedEntry top;
  top.parent = root.get();
  top.implied = true;
  if (!StatOpen(root, &top.stat)) {
    return absl::UnavailableError(
        absl::StrCat("cannot open /: ", std::strerror(errno)));
  }
  NS_RETURN_IF_ERROR(OnEntry(top));

  NS_ASSIGN_OR_RETURN(FileRead read, reader_.ReadStream(descriptor));
  if (read.error != 0) {
    return absl::UnavailableError(absl::StrCat("cannot read standard input: ",
                                               std::strerror(read.error)));
  }
  Taken taken;
  taken.entry.set_name(name);
  taken.entry.set_type(v1::format::REGULAR);
  taken.entry.set_mode(0600);
  taken.entry.set_uid(geteuid());
  taken.entry.set_gid(getegid());
  taken.entry.set_size_bytes(read.bytes);
  taken.entry.set_mtime_seconds(absl::ToUnixSeconds(input_.clock.Now()));
  taken.content = std::make_shared<FileContent>(std::move(read.content));
  WalkedEntry stream;
  stream.name = name;
  stream.stat.stx_mode = S_IFREG;
  NS_RETURN_IF_ERROR(Push(stream, taken.entry.SerializeAsString(), 0, taken));
  return Finish();
}

absl::StatusOr<PassResult> Pass::Finish() {
  NS_RETURN_IF_ERROR(reader_.EndBundle());
  result_.totals.phase = BackupProgress::Phase::kFinishing;
  Report();
  NS_ASSIGN_OR_RETURN(result_.root, assembler_.Finish());
  NS_RETURN_IF_ERROR(pool_.Drain());
  result_.links_overflowed = links_.overflowed();
  Report();
  return std::move(result_);
}

absl::Status Pass::OnEntry(const WalkedEntry& walked) {
  if (input_.clock.Now() - last_report_ > kReportEvery) Report();
  const int64_t now = absl::ToUnixSeconds(input_.clock.Now());
  bool due = false;
  if (const StoredEntry* stored = FindUnchanged(walked, now, due)) {
    return Reuse(walked, *stored);
  }
  return ReadAnew(walked, now, due);
}

const StoredEntry* Pass::FindUnchanged(const WalkedEntry& walked, int64_t now,
                                       bool& due) {
  if (cursor_ == nullptr) return nullptr;
  const StoredEntry* stored = cursor_->Find(walked.directory, walked.name);
  if (stored == nullptr || walked.implied || walked.unlistable ||
      stored->entry.read_at == 0 ||
      stored->entry.stamp != StampOf(walked.stat)) {
    return nullptr;
  }
  // A clock that was set back counts as due, too.
  due = ReadAgainAt(*stored) <= now || stored->entry.read_at > now;
  if (due || !input_.index->Usable(*stored, kLeastLive)) return nullptr;
  if (!walked.is_directory() && walked.stat.stx_nlink > 1) {
    const LinkedFile* linked = links_.Find(walked.stat);
    const uint64_t group = stored->entry.link_group;
    if (group == 0 ||
        (linked != nullptr &&
         (linked->group != group || linked->stamp != stored->entry.stamp))) {
      return nullptr;
    }
  }
  return stored;
}

absl::Status Pass::Reuse(const WalkedEntry& walked, const StoredEntry& stored) {
  Taken taken;
  taken.stamp = stored.entry.stamp;
  taken.read_at = stored.entry.read_at;
  const bool has_names = !walked.is_directory() && walked.stat.stx_nlink > 1;
  const LinkedFile* linked = has_names ? links_.Find(walked.stat) : nullptr;
  if (linked != nullptr) {
    taken.content = linked->content;
    links_.NameSeen(walked.stat);
  } else if (!stored.extents.empty()) {
    NS_ASSIGN_OR_RETURN(const std::vector<IndexedExtent> extents,
                        input_.index->Extents(stored));
    auto content = std::make_shared<FileContent>();
    for (const IndexedExtent& extent : extents) {
      content->extents.push_back({extent, nullptr});
    }
    taken.content = std::move(content);
  }
  const uint64_t bytes = walked.is_regular() ? walked.stat.stx_size : 0;
  if (has_names && linked == nullptr) {
    links_.Put(walked.stat, {stored.entry.link_group, bytes, false, taken.stamp,
                             taken.read_at, taken.content});
  }
  taken.entry.set_size_bytes(bytes);
  return Push(walked, std::string(stored.entry.entry), stored.entry.link_group,
              taken);
}

absl::Status Pass::ReadAnew(WalkedEntry walked, int64_t now, bool due) {
  Taken taken;
  NS_ASSIGN_OR_RETURN(const bool linked, TakeLinked(walked, taken));
  bool readable = true;
  if (!linked && walked.is_regular() && walked.stat.stx_size > 0) {
    NS_ASSIGN_OR_RETURN(readable, ReadContent(walked, due, taken));
    if (!readable && !taken.entry.unreadable()) return absl::OkStatus();
  }
  const v1::format::Entry content = taken.entry;
  const FileStamp content_stamp = taken.stamp;
  const int64_t content_read_at = taken.read_at;
  std::string problem;
  auto entry = entries_.Read(walked, problem);
  if (!entry.ok()) {
    Vanished(walked, std::string(entry.status().message()));
    return absl::OkStatus();
  }
  taken.entry = *std::move(entry);
  taken.entry.set_link_group(content.link_group());
  taken.entry.set_unreadable(content.unreadable() || walked.unlistable);
  taken.entry.set_changed_while_read(content.changed_while_read());
  if (taken.content != nullptr) {
    taken.entry.set_size_bytes(content.size_bytes());
  }
  taken.stamp = StampOf(walked.stat);
  taken.read_at = TrustedReadTime(taken.stamp, now);
  // Read under another name, maybe when it was another file.
  if (linked) {
    taken.read_at = content_stamp == taken.stamp ? content_read_at : 0;
  }
  if (!problem.empty()) Problem(PathOf(walked), problem);
  if (!problem.empty() || !readable || walked.implied || walked.unlistable ||
      content.changed_while_read()) {
    taken.read_at = 0;
  }
  if (!linked && readable && !walked.is_directory() &&
      walked.stat.stx_nlink > 1) {
    const uint64_t group = LinkMap::GroupOf(PathOf(walked));
    if (links_.Put(walked.stat, {group, taken.entry.size_bytes(),
                                 content.changed_while_read(), taken.stamp,
                                 taken.read_at, taken.content})) {
      taken.entry.set_link_group(group);
    }
  }
  return Push(walked, taken.entry.SerializeAsString(), taken.entry.link_group(),
              taken);
}

// Another name of an inode that was dealt with: true, and its content.
absl::StatusOr<bool> Pass::TakeLinked(const WalkedEntry& walked, Taken& taken) {
  if (walked.is_directory() || walked.stat.stx_nlink < 2) return false;
  const LinkedFile* linked = links_.Find(walked.stat);
  if (linked == nullptr) return false;
  taken.content = linked->content;
  taken.stamp = linked->stamp;
  taken.read_at = linked->read_at;
  taken.entry.set_link_group(linked->group);
  taken.entry.set_size_bytes(linked->bytes);
  taken.entry.set_changed_while_read(linked->changed_while_read);
  links_.NameSeen(walked.stat);
  return true;
}

// False: the content is not there; `taken.entry` says unreadable, or nothing if
// the entry is to be left out. Afterwards the stat is that of what was read.
absl::StatusOr<bool> Pass::ReadContent(WalkedEntry& walked, bool due,
                                       Taken& taken) {
  const auto fail = [&](int error) {
    if (error == ENOENT || error == ESTALE) {
      Vanished(walked, "vanished before it was read");
      return false;
    }
    Problem(PathOf(walked),
            absl::StrCat("cannot read: ", std::strerror(error)));
    ++result_.totals.unreadable;
    taken.entry.set_unreadable(true);
    return false;
  };
  const Descriptor file = OpenFile(walked);
  if (!file.open() && errno == ELOOP) {
    Vanished(walked, "was replaced by a symbolic link while it was read");
    return false;
  }
  if (!file.open() || !StatOpen(file, &walked.stat)) return fail(errno);
  if (!walked.is_regular()) {
    Vanished(walked, "was replaced by another kind of file while it was read");
    return false;
  }
  const double least_live = due ? kLeastLiveWhenDue : kLeastLive;
  for (int attempt = 0;; ++attempt) {
    const FileStamp before = StampOf(walked.stat);
    NS_ASSIGN_OR_RETURN(
        FileRead read,
        reader_.ReadFile(file.get(), before.size_bytes, least_live));
    if (read.error != 0) return fail(read.error);
    if (!StatOpen(file, &walked.stat)) return fail(errno);
    const bool changed =
        StampOf(walked.stat) != before || read.bytes != before.size_bytes;
    if (changed && attempt == 0 && walked.stat.stx_size < kMaxRetryBytes) {
      continue;
    }
    if (changed) {
      Problem(PathOf(walked), "changed while it was read");
      ++result_.totals.changed;
      taken.entry.set_changed_while_read(true);
    }
    taken.entry.set_size_bytes(read.bytes);
    taken.content = std::make_shared<FileContent>(std::move(read.content));
    return true;
  }
}

absl::Status Pass::Push(const WalkedEntry& walked, std::string entry,
                        uint64_t link_group, const Taken& taken) {
  if (directory_ == nullptr || *directory_ != walked.directory) {
    directory_ = std::make_shared<std::string>(walked.directory);
  }
  AssembledEntry item;
  item.directory = directory_;
  item.name = std::string(walked.name);
  item.entry = std::move(entry);
  item.file_bytes = walked.is_regular() ? taken.entry.size_bytes() : 0;
  item.stamp = taken.stamp;
  item.read_at = taken.read_at;
  item.link_group = link_group;
  item.content = taken.content;
  BackupProgress& totals = result_.totals;
  ++totals.entries;
  if (walked.is_directory()) ++totals.directories;
  if (walked.is_regular()) ++totals.files;
  totals.file_bytes += item.file_bytes;
  const size_t encoded_bytes = item.entry.size();
  NS_RETURN_IF_ERROR(assembler_.Push(std::move(item)));
  return reader_.EntryPushed(encoded_bytes);
}

void Pass::OnWalkProblem(const WalkProblem& problem) {
  Problem(problem.path, problem.what);
  if (problem.error == ENOENT) {
    ++result_.totals.vanished;
  } else {
    ++result_.totals.unreadable;
  }
}

void Pass::Vanished(const WalkedEntry& walked, const std::string& message) {
  Problem(PathOf(walked), message);
  ++result_.totals.vanished;
}

void Pass::Problem(std::string path, std::string message) {
  if (result_.problems.size() < kMaxReportedProblems) {
    result_.problems.push_back({std::move(path), std::move(message)});
  }
}

void Pass::Report() {
  last_report_ = input_.clock.Now();
  const UploadFigures uploaded = upload_.figures();
  result_.totals.read_bytes = reader_.read_bytes();
  result_.totals.new_objects = uploaded.put_objects;
  result_.totals.sent_bytes = uploaded.sent_bytes;
  if (on_progress_) on_progress_(result_.totals);
}

}  // namespace nightsafe
