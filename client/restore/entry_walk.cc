#include "client/restore/entry_walk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/tree/path_key.h"

namespace nightsafe {
namespace {

bool IsWithin(absl::string_view directory, absl::string_view root) {
  return absl::StartsWith(directory, root) &&
         (directory.size() == root.size() || directory[root.size()] == '/');
}

std::vector<std::string> AncestorsOf(absl::string_view path) {
  std::vector<std::string> ancestors;
  if (path == "/") return ancestors;
  ancestors.push_back("/");
  for (size_t i = path.find('/', 1); i != absl::string_view::npos;
       i = path.find('/', i + 1)) {
    ancestors.emplace_back(path.substr(0, i));
  }
  return ancestors;
}

}  // namespace

EntryWalk::EntryWalk(NodeSource& nodes, const ObjectRef& root,
                     const v1::format::Statistics& statistics, WalkRange range)
    : nodes_(nodes),
      root_(root),
      limits_(statistics),
      range_(std::move(range)) {}

EntryWalk::~EntryWalk() = default;

NodeFetch EntryWalk::Fetch() {
  return [this](const ObjectRef& ref) { return nodes_.Fetch(ref); };
}

std::vector<LostNode> EntryWalk::TakeLost() { return std::exchange(lost_, {}); }

absl::Status EntryWalk::Start() {
  started_ = true;
  cursor_ = std::make_unique<TreeCursor>(root_, Fetch());
  if (range_.path.empty()) return absl::OkStatus();
  std::vector<std::string> paths;
  if (range_.ancestors) paths = AncestorsOf(range_.path);
  paths.push_back(range_.path);
  for (const std::string& path : paths) {
    NS_ASSIGN_OR_RETURN(PathKey key, ParsePath(path));
    absl::StatusOr<TreeEntry> entry = cursor_->Find(key);
    if (absl::IsNotFound(entry.status())) {
      // A stream is kept without ancestors.
      if (path != range_.path) continue;
      return absl::NotFoundError(
          absl::StrCat(range_.path, " is not in the snapshot"));
    }
    NS_RETURN_IF_ERROR(entry.status());
    before_range_.push_back(*std::move(entry));
  }
  ended_ = before_range_.back().entry.type() != v1::format::DIRECTORY;
  std::reverse(before_range_.begin(), before_range_.end());
  if (ended_) return absl::OkStatus();
  if (range_.path == "/") {
    // The entry of "/" is the first of the range itself.
    before_range_.clear();
    return cursor_->Seek({"", ""});
  }
  return cursor_->Seek({range_.path, ""});
}

absl::Status EntryWalk::PassOver(const absl::Status& why) {
  std::optional<LostNode> lost = nodes_.TakeLost(why);
  if (!lost.has_value()) return why;
  ended_ = !lost->next.has_value();
  if (!ended_) {
    // A tree that leads back would keep the walk here for ever.
    if (passed_over_to_.has_value() && !(*passed_over_to_ < *lost->next)) {
      return why;
    }
    passed_over_to_ = lost->next;
    cursor_ = std::make_unique<TreeCursor>(root_, Fetch());
  }
  lost_.push_back(*std::move(lost));
  return ended_ ? absl::OkStatus() : cursor_->Seek(*passed_over_to_);
}

absl::StatusOr<std::optional<TreeEntry>> EntryWalk::NextInRange() {
  absl::Status failure;
  while (!ended_) {
    if (failure.ok()) {
      absl::StatusOr<std::optional<TreeEntry>> entry = cursor_->Next();
      if (entry.ok()) return entry;
      failure = entry.status();
    }
    // Seeking may meet the next damaged node at once.
    absl::Status passed = PassOver(failure);
    if (!passed.ok() && passed == failure) return failure;
    failure = passed;
  }
  return std::nullopt;
}

absl::Status EntryWalk::Count(const TreeEntry& entry) {
  ++entries_;
  if (entry.entry.type() == v1::format::REGULAR) {
    file_bytes_ += std::min(entry.entry.size_bytes(), UINT64_MAX - file_bytes_);
  }
  if (entries_ > limits_.entries() || file_bytes_ > limits_.file_bytes()) {
    return absl::DataLossError(absl::StrCat(
        "the tree holds more than its signed statistics say: ", entries_,
        " entries and ", file_bytes_, " bytes so far, signed ",
        limits_.entries(), " and ", limits_.file_bytes()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<TreeEntry>> EntryWalk::Next() {
  if (!started_) NS_RETURN_IF_ERROR(Start());
  std::optional<TreeEntry> entry;
  if (!before_range_.empty()) {
    entry = std::move(before_range_.back());
    before_range_.pop_back();
  } else {
    NS_ASSIGN_OR_RETURN(entry, NextInRange());
    if (entry.has_value() && range_.path.size() > 1 &&
        !IsWithin(entry->key.directory, range_.path)) {
      ended_ = true;
      entry.reset();
    }
  }
  if (entry.has_value()) NS_RETURN_IF_ERROR(Count(*entry));
  return entry;
}

}  // namespace nightsafe
