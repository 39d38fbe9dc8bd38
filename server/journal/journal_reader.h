// Reads a journal directory from its first record to its last.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/io/file_system.h"
#include "server/journal/format.h"

namespace nightsafe {

// Whose journal it is; a journal of another kind or owner is refused.
struct JournalIdentity {
  JournalKind kind;
  JournalOwner owner;
};

struct JournalContents {
  JournalPosition end;
  Hash32 chain{};  // value at `end`
  bool torn_tail = false;
};

// "00000001.seg"
std::string SegmentFileName(uint32_t number);

// Beside the segments: names the newest, so that its loss is seen.
inline constexpr absl::string_view kNewestFileName = "newest";
std::string EncodeNewest(uint32_t number);

// Calls `take` for every record in order. Reads only. NOT_FOUND: there is no
// segment. DATA_LOSS: names the segment file, the offset, the reason and what
// to do; such a journal must not be written to. UNAVAILABLE: cannot be read
// now.
absl::StatusOr<JournalContents> ReadJournal(FileSystem& fs,
                                            absl::string_view directory,
                                            const JournalIdentity& identity,
                                            const JournalRecordCallback& take);

// The owner that the first segment names, unverified but for its checksum: for
// a rescue that knows nothing else. NOT_FOUND, DATA_LOSS.
absl::StatusOr<JournalIdentity> PeekJournalIdentity(
    FileSystem& fs, absl::string_view directory);

}  // namespace nightsafe
