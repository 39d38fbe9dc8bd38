// How much of a set's previous snapshot a new one still reaches: what retention
// judges suspicion by. Measured by the server, without a key.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/ids.h"
#include "server/vault/object_store.h"
#include "server/vault/reached_objects.h"

namespace nightsafe {

// Stored bytes of objects, each counted once. 0: not known.
struct ChangeMeasure {
  uint64_t previous_bytes = 0;  // that the previous snapshot reaches
  uint64_t kept_bytes = 0;      // of them, what the new one reaches too
  uint64_t reached_bytes = 0;   // by the new one
};

struct PreviousSnapshot {
  ObjectId root;
  uint64_t reached_bytes = 0;  // as it was measured; 0: not known
};

// The new snapshot has `root`, and its check met `reached`. Reads what differs
// between the two trees, up to a bound, and nothing else: the effort is in
// proportion to the change. An object on the border of a changed part that is
// also referred to from an unchanged one may be counted as new or gone.
//
// A host can make the bound be hit, so what is not known is told as the least
// it can be: nothing is kept if what is gone cannot be counted, and of what is
// reached that which was met counts. Nobody who hides a change that way looks
// ordinary. Errors are treated alike.
ChangeMeasure MeasureChange(ObjectStore& store, uint32_t domain_number,
                            const ObjectId& root, const ReachedObjects& reached,
                            const std::optional<PreviousSnapshot>& previous);

}  // namespace nightsafe
