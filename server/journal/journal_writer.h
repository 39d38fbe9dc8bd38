// Appends records to a journal, each append durable when it returns.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/io/file_system.h"
#include "server/journal/journal_reader.h"

namespace nightsafe {

struct JournalOptions {
  // Space is reserved in steps of this size.
  uint64_t allocation_bytes = 4 << 20;
  // A segment that would grow past this is followed by a new one.
  uint64_t segment_bytes = 16 << 20;
};
inline constexpr JournalOptions kServerJournalOptions{
    .allocation_bytes = 256 << 10, .segment_bytes = 16 << 20};

// Starts a journal in `directory`, which is made if need be, with these
// records; durable when OK. ALREADY_EXISTS if there is a segment.
absl::Status CreateJournal(FileSystem& fs, absl::string_view directory,
                           const JournalIdentity& identity,
                           const JournalOptions& options,
                           std::span<const std::string> records);

// Thread-compatible: the caller locks. Never truncates, overwrites or removes.
//
// The first append of a writer starts a new segment, which appears under its
// name with that append's records or not at all, and which says how much of the
// segment before counts: what a crash left behind that is ignored for ever.
class JournalWriter {
 public:
  // Syncs the tail that an earlier run left, drops it from the page cache,
  // reads the whole journal as ReadJournal does (and with its errors), and is
  // ready to append. Borrows `fs`.
  static absl::StatusOr<std::unique_ptr<JournalWriter>> Open(
      FileSystem& fs, absl::string_view directory,
      const JournalIdentity& identity, const JournalOptions& options,
      const JournalRecordCallback& take);
  ~JournalWriter();

  // Reserves disk space so that appends of up to `record_bytes` in up to
  // `records` records, kMaxJournalAppendBytes in all, cannot fail for lack of
  // it. An error leaves the writer as it was.
  absl::Status Reserve(uint64_t record_bytes, size_t records = 1);

  // Appends all records with one sync; OK: they are durable.
  // RESOURCE_EXHAUSTED before anything was written: no space, try again later.
  // INVALID_ARGUMENT: an empty or too long record, or too many. If an error set
  // failure(), the records may or may not be found at the next start, and every
  // later call is FAILED_PRECONDITION, "read-only until restarted".
  absl::Status Append(std::span<const std::string> records);
  absl::Status Append(const std::string& record);

  // The end of what is durable.
  const JournalPosition& position() const { return contents_.end; }
  const Hash32& chain() const { return contents_.chain; }
  // Not OK: why every append is refused.
  const absl::Status& failure() const { return failure_; }
  // What Open found.
  bool found_torn_tail() const { return contents_.torn_tail; }

 private:
  friend absl::Status CreateJournal(FileSystem&, absl::string_view,
                                    const JournalIdentity&,
                                    const JournalOptions&,
                                    std::span<const std::string>);
  struct Segment;
  JournalWriter(FileSystem& fs, absl::string_view directory,
                const JournalIdentity& identity, const JournalOptions& options,
                const JournalContents& contents);
  absl::Status MakeRoom(uint64_t framed_bytes);
  absl::Status StartSegment();
  absl::Status WriteRecords(std::span<const std::string> records);
  absl::Status Publish();
  absl::Status Dead() const;

  FileSystem& fs_;
  const std::string directory_;
  const JournalIdentity identity_;
  const JournalOptions options_;
  JournalContents contents_;
  std::unique_ptr<Segment> segment_;
  absl::Status failure_;
};

}  // namespace nightsafe
