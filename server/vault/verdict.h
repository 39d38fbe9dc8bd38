// What a look at stored bytes may end with, besides that they are fine.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace nightsafe {

// What is not fine. Only what was read twice, the second time past the cache,
// is called wrong.
enum class Verdict {
  kWrong,       // other bytes than the id says; quarantined
  kMissing,     // its pack is gone; quarantined
  kUnreadable,  // cannot be read now, which says nothing about the object
  kUnindexed,   // fine, but the object index does not know it
  // A header of a pack or of a record, or a table of contents, is damaged;
  // every object is still proved by its id.
  kFraming,
};
// Of an error that a read ended with.
Verdict VerdictOf(const absl::Status& status);
// "wrong", "missing", "unreadable", "unindexed", "framing".
absl::string_view VerdictName(Verdict verdict);

}  // namespace nightsafe
