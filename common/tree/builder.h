// Builds a snapshot tree bottom-up from entries in order, in constant memory
// per level.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/crypto/domain_keys.h"
#include "common/object/sealer.h"
#include "common/tree/extent.h"
#include "common/tree/node_draft.h"
#include "common/tree/path_key.h"

namespace nightsafe {

class TreeBuilder {
 public:
  // Borrows `keys` and `sealer`.
  TreeBuilder(const DomainKeys& keys, Sealer& sealer, NodeSink sink);
  ~TreeBuilder();

  // The next entry: `entry` is a serialised format.Entry whose name is
  // key.name. `file_bytes` is its size_bytes if it is a regular file, else 0.
  // `extents` add up to size_bytes for a regular file that could be read; any
  // other entry has none. INVALID_ARGUMENT if keys do not rise or a cursor
  // would refuse the entry.
  absl::Status Add(const PathKey& key, absl::string_view entry,
                   uint64_t file_bytes, const FileExtents& extents);

  // The root, after which the builder is spent. FAILED_PRECONDITION if no entry
  // was added. After an error of Add or the sink the builder is spent, too.
  absl::StatusOr<ObjectRef> Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nightsafe
