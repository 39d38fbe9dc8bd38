#include "client/restore/snapshot_reader.h"

#include <deque>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/restore/entry_walk.h"
#include "client/restore/fetch_pool.h"
#include "client/restore/lru_cache.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

// Together at most: 3 windows waiting, one being made, one in use, and the
// cache.
constexpr size_t kWindowBytes = 6 << 20;
constexpr size_t kMaxWaitingWindows = 3;
constexpr size_t kCacheBytes = 32 << 20;
constexpr size_t kWindowItems = 2048;
constexpr size_t kWindowPieces = 16384;
constexpr size_t kBatchBytes = 3 << 20;

using Pending = std::shared_ptr<PendingObject>;

// A window whose objects are on their way; `objects` are parallel to all its
// pieces, in order.
struct PendingWindow {
  ContentWindow window;
  std::vector<Pending> objects;
};

}  // namespace

struct SnapshotReader::State {
  State(const ObjectSource& source, const ObjectRef& root,
        const v1::format::Statistics& statistics, SnapshotReaderOptions wanted)
      : options(std::move(wanted)),
        nodes(source, root, &stop),
        walk(nodes, root, statistics, {options.path, true}),
        cache(kCacheBytes),
        pool(source, options.fetch_threads),
        walker([this] { Walk(); }) {}

  ~State() {
    stop.Notify();
    {
      absl::MutexLock lock(&mutex);
      stopped = true;
    }
    walker.join();
  }

  // The walking thread's.
  void Walk();
  absl::Status WalkAll();
  absl::Status AddEntry(TreeEntry entry);
  absl::Status AddExtents(const TreeEntry& entry);
  absl::Status AddPiece(const FileExtent& extent, uint64_t file_offset);
  Pending ObjectFor(const ObjectRef& ref, ContentPiece& piece);
  absl::Status FlushWindow();

  const SnapshotReaderOptions options;
  absl::Notification stop;  // of the walking thread's requests
  NodeSource nodes;
  EntryWalk walk;
  LruCache<Pending> cache;
  absl::flat_hash_set<uint64_t> link_groups;
  PendingWindow window;
  std::vector<Pending> to_fetch;
  size_t window_bytes = 0;

  absl::Mutex mutex;
  std::deque<PendingWindow> ready ABSL_GUARDED_BY(mutex);
  bool ended ABSL_GUARDED_BY(mutex) = false;
  bool stopped ABSL_GUARDED_BY(mutex) = false;
  absl::Status status ABSL_GUARDED_BY(mutex);

  // Last, so that the threads end before what they use.
  FetchPool pool;
  std::thread walker;
};

void SnapshotReader::State::Walk() {
  absl::Status result = WalkAll();
  absl::MutexLock lock(&mutex);
  status = result;
  ended = true;
}

absl::Status SnapshotReader::State::WalkAll() {
  for (;;) {
    NS_ASSIGN_OR_RETURN(std::optional<TreeEntry> entry, walk.Next());
    for (LostNode& lost : walk.TakeLost()) {
      window.window.lost.push_back(std::move(lost));
    }
    if (!entry.has_value()) return FlushWindow();
    NS_RETURN_IF_ERROR(AddEntry(*std::move(entry)));
  }
}

absl::Status SnapshotReader::State::AddEntry(TreeEntry entry) {
  if (window.window.items.size() >= kWindowItems) {
    NS_RETURN_IF_ERROR(FlushWindow());
  }
  ContentItem item;
  item.entry = std::make_shared<const TreeEntry>(std::move(entry));
  item.begins = true;
  const TreeEntry& shared = *item.entry;
  window.window.items.push_back(std::move(item));
  bool has_content =
      shared.entry.type() == v1::format::REGULAR && !shared.entry.unreadable();
  // One name of an inode brings the content.
  if (shared.entry.link_group() != 0 && has_content) {
    has_content = link_groups.insert(shared.entry.link_group()).second;
  }
  if (has_content && options.contents) {
    absl::Status read = AddExtents(shared);
    if (nodes.request_failed()) return read;
    if (absl::IsCancelled(read)) return read;
    window.window.items.back().status = read;
  }
  window.window.items.back().ends = true;
  return absl::OkStatus();
}

absl::Status SnapshotReader::State::AddExtents(const TreeEntry& entry) {
  uint64_t offset = 0;
  return ReadExtents(
      entry, [this](const ObjectRef& ref) { return nodes.Fetch(ref); },
      [&](const FileExtent& extent) -> absl::Status {
        if (!extent.hole) NS_RETURN_IF_ERROR(AddPiece(extent, offset));
        offset += extent.length;
        return absl::OkStatus();
      });
}

absl::Status SnapshotReader::State::AddPiece(const FileExtent& extent,
                                             uint64_t file_offset) {
  if (window_bytes >= kWindowBytes || window.objects.size() >= kWindowPieces) {
    ContentItem rest;
    rest.entry = window.window.items.back().entry;
    NS_RETURN_IF_ERROR(FlushWindow());
    window.window.items.push_back(std::move(rest));
  }
  ContentPiece piece;
  piece.object = extent.object;
  piece.file_offset = file_offset;
  piece.offset = extent.offset;
  piece.length = static_cast<uint32_t>(extent.length);
  window.objects.push_back(ObjectFor(extent.object, piece));
  window.window.items.back().pieces.push_back(std::move(piece));
  return absl::OkStatus();
}

Pending SnapshotReader::State::ObjectFor(const ObjectRef& ref,
                                         ContentPiece& piece) {
  if (options.once_each != nullptr) {
    if (!options.once_each->insert(ref.id).second) return nullptr;
  } else if (Pending* known = cache.Get(ref.id); known != nullptr) {
    if ((*known)->ref == ref) return *known;
    piece.status = absl::DataLossError(absl::StrCat(
        "object ", ref.id.Hex(), " is named with two different keys"));
    return nullptr;
  }
  auto pending = std::make_shared<PendingObject>(ref);
  to_fetch.push_back(pending);
  window_bytes += ref.plain_length;
  if (options.once_each == nullptr)
    cache.Put(ref.id, pending, ref.plain_length);
  return pending;
}

absl::Status SnapshotReader::State::FlushWindow() {
  {
    absl::MutexLock lock(&mutex);
    auto has_room = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex) {
      return stopped || ready.size() < kMaxWaitingWindows;
    };
    mutex.Await(absl::Condition(&has_room));
    if (stopped) return absl::CancelledError("the restore ended");
  }
  std::vector<Pending> batch;
  size_t batch_bytes = 0;
  for (Pending& object : to_fetch) {
    if (!batch.empty() &&
        batch_bytes + object->ref.plain_length > kBatchBytes) {
      pool.Submit(std::exchange(batch, {}));
      batch_bytes = 0;
    }
    batch_bytes += object->ref.plain_length;
    batch.push_back(std::move(object));
  }
  if (!batch.empty()) pool.Submit(std::move(batch));
  to_fetch.clear();
  window_bytes = 0;
  absl::MutexLock lock(&mutex);
  ready.push_back(std::exchange(window, {}));
  return absl::OkStatus();
}

SnapshotReader::SnapshotReader(const ObjectSource& objects,
                               const ObjectRef& root,
                               const v1::format::Statistics& statistics,
                               SnapshotReaderOptions options)
    : state_(std::make_unique<State>(objects, root, statistics,
                                     std::move(options))) {}

SnapshotReader::~SnapshotReader() = default;

absl::StatusOr<std::optional<ContentWindow>> SnapshotReader::Next() {
  PendingWindow next;
  {
    absl::MutexLock lock(&state_->mutex);
    auto has_one = [this]() ABSL_SHARED_LOCKS_REQUIRED(state_->mutex) {
      return state_->ended || !state_->ready.empty();
    };
    state_->mutex.Await(absl::Condition(&has_one));
    if (state_->ready.empty()) {
      NS_RETURN_IF_ERROR(state_->status);
      return std::nullopt;
    }
    next = std::move(state_->ready.front());
    state_->ready.pop_front();
  }
  size_t i = 0;
  for (ContentItem& item : next.window.items) {
    for (ContentPiece& piece : item.pieces) {
      const Pending& object = next.objects[i++];
      if (object == nullptr) continue;
      object->done.WaitForNotification();
      NS_RETURN_IF_ERROR(object->request);
      if (object->plain.ok()) {
        piece.plain = *object->plain;
      } else {
        piece.status = object->plain.status();
      }
    }
  }
  return std::move(next.window);
}

}  // namespace nightsafe
