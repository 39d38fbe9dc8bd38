// Appends objects to one new pack.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/io/file_system.h"
#include "server/pack/format.h"

namespace nightsafe {

inline constexpr uint64_t kPackWritebackBytes = 32 << 20;

// What to store; borrows the bytes for the call. The caller has checked that
// `id` is theirs.
struct PackObject {
  ObjectId id;
  ObjectKind kind = ObjectKind::kData;
  uint32_t domain_number = 0;
  uint32_t writer = 0;
  ByteView bytes;
};

// Thread-compatible: the caller locks. A record is readable through a
// PackReader once Append returned, and durable once a later Sync returned OK.
//
// After any failed write or sync the pack is dead at synced_length(): what lies
// before stands, what lies behind must be forgotten, and nothing is ever tried
// again in this pack.
class PackWriter {
 public:
  // Makes `directory`/<pack>.pack with its header. Never opens an existing one:
  // ALREADY_EXISTS. Leaves no file after another error, if it can. Borrows
  // nothing but `fs`.
  static absl::StatusOr<std::unique_ptr<PackWriter>> Create(
      FileSystem& fs, absl::string_view directory,
      const PackIdentity& identity);

  // RESOURCE_EXHAUSTED "pack is full" past kMaxPackBytes or kMaxPackRecords,
  // without harm to the pack; INVALID_ARGUMENT for an object of a wrong length,
  // likewise. Any other error: the pack is dead.
  absl::StatusOr<PackEntry> Append(const PackObject& object);

  // Everything appended so far, and the file's name, is durable when OK.
  // Otherwise the pack is dead.
  absl::Status Sync();
  // The same in two steps, for a caller that lets others append meanwhile:
  // SyncFile needs no lock but one against itself; then, locked again, Synced
  // with its answer and the length() from before it.
  absl::Status SyncFile();
  absl::Status Synced(const absl::Status& status, uint64_t length);

  const PackIdentity& identity() const { return identity_; }
  uint64_t length() const { return length_; }
  // 0 until the first Sync.
  uint64_t synced_length() const { return synced_length_; }
  bool dirty() const { return length_ != synced_length_; }
  bool dead() const { return !failure_.ok(); }
  // Why it is dead; OK if it is not.
  const absl::Status& failure() const { return failure_; }
  // Of all appended records, by offset. Those past synced_length() of a dead
  // pack are lost.
  const std::vector<PackEntry>& entries() const { return entries_; }
  // Contents up to synced_length(): what SealPack takes, dead or not.
  Toc SyncedToc() const;

 private:
  PackWriter(FileSystem& fs, absl::string_view directory,
             const PackIdentity& identity, std::unique_ptr<File> file);
  absl::Status Write(ByteView bytes);

  FileSystem& fs_;
  const std::string directory_;
  const PackIdentity identity_;
  const std::unique_ptr<File> file_;
  std::vector<PackEntry> entries_;
  std::string scratch_;  // one record; reused
  uint64_t length_ = 0;
  uint64_t synced_length_ = 0;
  uint64_t writeback_started_ = 0;
  bool name_synced_ = false;
  absl::Status failure_;
};

}  // namespace nightsafe
