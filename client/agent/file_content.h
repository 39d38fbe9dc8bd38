// Where the bytes of a file being backed up are, or will be once sealed.
#pragma once

#include <memory>
#include <vector>

#include "client/agent/index_writer.h"
#include "client/agent/seal_pool.h"

namespace nightsafe {

struct PendingExtent {
  IndexedExtent indexed;  // its object's reference is not set before `job` ends
  std::shared_ptr<SealJob> job;  // null: holes, and what was known already
};

struct FileContent {
  std::vector<PendingExtent> extents;
};

}  // namespace nightsafe
