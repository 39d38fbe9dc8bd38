// One pass over everything that is to be backed up: reads what changed since
// the last index, hands objects to the upload, writes the new index.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/agent/assembler.h"
#include "client/agent/backup.h"
#include "client/agent/content_reader.h"
#include "client/agent/entry.h"
#include "client/agent/index_reader.h"
#include "client/agent/link_map.h"
#include "client/agent/upload.h"
#include "client/agent/walk.h"

namespace nightsafe {

struct PassInput {
  const DomainKeys& keys;
  int compression_level = kDefaultCompressionLevel;
  const IndexReader* index = nullptr;  // null: everything is read
  // Not to be offered: the server has them.
  absl::flat_hash_set<ObjectId> known_nodes;
  const Clock& clock;
};

struct PassResult {
  ObjectRef root;
  BackupProgress totals;
  std::vector<BackupProblem> problems;
  bool links_overflowed = false;
};

// Good for one run. Borrows all.
class Pass {
 public:
  Pass(const PassInput& input, Upload& upload, IndexWriter& new_index,
       const OnBackupProgress& on_progress);
  ~Pass();

  absl::StatusOr<PassResult> RunWalk(const WalkOptions& options);
  // What the descriptor yields, as the file /`name`.
  absl::StatusOr<PassResult> RunStream(int descriptor, const std::string& name);

 private:
  struct Taken {  // what is known of an entry before it is pushed
    v1::format::Entry entry;
    FileStamp stamp;
    int64_t read_at = 0;
    std::shared_ptr<const FileContent> content;
  };
  absl::Status OnEntry(const WalkedEntry& walked);
  void OnWalkProblem(const WalkProblem& problem);
  const StoredEntry* FindUnchanged(const WalkedEntry& walked, int64_t now,
                                   bool& due);
  absl::Status Reuse(const WalkedEntry& walked, const StoredEntry& stored);
  absl::Status ReadAnew(WalkedEntry walked, int64_t now, bool due);
  absl::StatusOr<bool> ReadContent(WalkedEntry& walked, bool due, Taken& taken);
  absl::StatusOr<bool> TakeLinked(const WalkedEntry& walked, Taken& taken);
  absl::Status Push(const WalkedEntry& walked, std::string entry,
                    uint64_t link_group, const Taken& taken);
  absl::StatusOr<PassResult> Finish();
  void Problem(std::string path, std::string message);
  void Vanished(const WalkedEntry& walked, const std::string& message);
  void Report();

  const PassInput& input_;
  Upload& upload_;
  const OnBackupProgress& on_progress_;
  PassResult result_;
  absl::Time last_report_;

  SealPool pool_;
  Sealer node_sealer_;
  TreeBuilder builder_;
  Assembler assembler_;
  KnownContent known_;
  ContentReader reader_;
  EntryReader entries_;
  LinkMap links_;
  std::unique_ptr<IndexCursor> cursor_;
  std::shared_ptr<const std::string> directory_;
};

}  // namespace nightsafe
