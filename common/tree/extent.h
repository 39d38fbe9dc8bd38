// Where a file's bytes are: runs of objects and holes, in order.
#pragma once

#include <cstdint>
#include <vector>

#include "common/object/sealer.h"

namespace nightsafe {

struct FileExtent {
  bool hole = false;
  ObjectRef object;     // unless hole
  uint32_t offset = 0;  // first byte in the object's plaintext
  uint64_t length = 0;  // bytes of the file; > 0

  friend bool operator==(const FileExtent&, const FileExtent&) = default;
};

using FileExtents = std::vector<FileExtent>;

}  // namespace nightsafe
