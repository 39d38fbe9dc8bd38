// The subtree of a file with more extents than its entry holds.
#pragma once

#include "absl/status/statusor.h"
#include "common/object/sealer.h"
#include "common/tree/boundary.h"
#include "common/tree/extent.h"
#include "common/tree/node_draft.h"

namespace nightsafe {

// Builds it bottom-up and returns its root. It depends on nothing but
// `extents` (not empty, each checked) and the domain; an unchanged part of the
// list gives the same nodes.
absl::StatusOr<ObjectRef> BuildExtentTree(const FileExtents& extents,
                                          const BoundaryRule& rule,
                                          Sealer& sealer, const NodeSink& sink);

}  // namespace nightsafe
