// The sealed object: framing that anyone can check, without a key.
// FORMAT.md has the byte table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"

namespace nightsafe {

enum class ObjectKind : uint8_t { kData = 1, kNode = 2, kManifest = 3 };

// A parsed object; borrows from the bytes it was parsed from.
struct ObjectView {
  ObjectKind kind;
  ByteView refs;    // 32 bytes each, unique, sorted
  ByteView header;  // everything before body: the associated data
  ByteView body;

  size_t ref_count() const { return refs.size() / ObjectId::kSize; }
  ObjectId ref(size_t i) const {
    return ObjectId::FromValidBytes(refs.subspan(i * ObjectId::kSize));
  }
};

ObjectId ObjectIdOf(ByteView object);

// Checks framing, suite, kind, limits and the order of refs (data: none;
// manifest: one, at most kMaxManifestBytes in all). Does not hash. DATA_LOSS
// with the reason.
absl::StatusOr<ObjectView> ParseObject(ByteView object);

// "NS", suite, kind, ref_count, refs. `refs` must be sorted and unique, at most
// kMaxObjectRefs.
std::string EncodeObjectHeader(ObjectKind kind,
                               const std::vector<ObjectId>& refs);

}  // namespace nightsafe
