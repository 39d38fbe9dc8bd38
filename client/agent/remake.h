// Makes objects that a server lost once more, from the files they were made of.
#pragma once

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "client/agent/index_reader.h"
#include "client/agent/upload.h"
#include "common/crypto/domain_keys.h"
#include "common/object/sealer.h"

namespace nightsafe {

// For each data object of `missing` of which the index knows every byte in
// files that are unchanged since: seals it again, and hands it to the upload if
// it came out as the same object. Returns those. Older snapshots that need them
// are whole again, too.
absl::StatusOr<absl::flat_hash_set<ObjectId>> RemakeObjects(
    const IndexReader& index, const absl::flat_hash_set<ObjectId>& missing,
    const DomainKeys& keys, int compression_level, Upload& upload);

// For a person: `count` lost objects are not what RemakeObjects could make.
std::string DescribeLost(size_t count);

}  // namespace nightsafe
