// Puts entries, in walk order and once their contents are sealed, into the
// snapshot's tree and the new index.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "client/agent/file_content.h"
#include "client/agent/index_writer.h"
#include "client/agent/seal_pool.h"
#include "common/tree/builder.h"

namespace nightsafe {

struct AssembledEntry {
  std::shared_ptr<const std::string> directory;
  std::string name;
  std::string entry;  // serialised format.Entry
  uint64_t file_bytes = 0;
  FileStamp stamp;
  int64_t read_at = 0;
  uint64_t link_group = 0;
  std::shared_ptr<const FileContent> content;  // null: none
};

// Push and the holds: one thread; the tree is built on a thread of its own.
class Assembler {
 public:
  // Borrows all. The builder and the writer belong to its thread until Finish
  // returns.
  Assembler(TreeBuilder& builder, IndexWriter& index, SealPool& pool);
  // The pool must have been cancelled, unless Finish returned.
  ~Assembler();

  // Blocks while too many entries wait that could go on; those behind a hold do
  // not count, for their number is the holder's to bound.
  absl::Status Push(AssembledEntry entry);
  // From the next entry on, entries may wait for something not yet submitted.
  void Hold();
  void Release();
  // The root of the tree over all entries.
  absl::StatusOr<ObjectRef> Finish();

 private:
  void Work();
  std::optional<AssembledEntry> Pop();
  absl::Status Take(const AssembledEntry& entry);
  bool Full() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  TreeBuilder& builder_;
  IndexWriter& index_;
  SealPool& pool_;
  // Of the thread.
  FileExtents extents_;
  std::vector<IndexedExtent> indexed_;

  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::deque<AssembledEntry> queue_ ABSL_GUARDED_BY(mutex_);
  // Entries and bytes of entries, since the beginning.
  struct Count {
    uint64_t entries = 0;
    uint64_t bytes = 0;
  };
  Count pushed_ ABSL_GUARDED_BY(mutex_);
  Count popped_ ABSL_GUARDED_BY(mutex_);
  std::optional<Count> hold_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace nightsafe
