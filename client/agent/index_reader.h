// Reads an index: in order beside a walk, and by fingerprint.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/agent/index_format.h"
#include "client/agent/index_writer.h"
#include "common/io/file_system.h"
#include "common/tree/extent.h"

namespace nightsafe {

// As it was added; views borrow from the reader.
struct StoredEntry {
  IndexedEntry entry;
  ByteView extents;  // kIndexExtentBytes each
};

// Immutable but for Exclude, so lookups may run on any thread after it.
class IndexReader {
 public:
  // NOT_FOUND: no file. DATA_LOSS: damaged, unreadable, or of something else.
  // What is opened was checked as a whole, so every byte is as written.
  static absl::StatusOr<std::unique_ptr<IndexReader>> Open(
      FileSystem& fs, const std::string& path, const IndexIdentity& identity,
      const DomainKeys& keys, const SnapshotId& snapshot);
  IndexReader(const IndexReader&) = delete;
  IndexReader& operator=(const IndexReader&) = delete;

  // From now on nothing that lies in these objects is known.
  void Exclude(const absl::flat_hash_set<ObjectId>& objects);

  // DATA_LOSS is a bug of the writer: the file was authentic.
  absl::StatusOr<std::vector<IndexedExtent>> Extents(
      const StoredEntry& entry) const;
  // No extent lies in an excluded object, or in one of which less than
  // `least_live` of its bytes (0 to 1) were in the snapshot.
  bool Usable(const StoredEntry& entry, double least_live) const;
  // An extent with this fingerprint, of usable objects only.
  std::optional<FileExtent> Find(const Fingerprint& fingerprint,
                                 double least_live) const;

  absl::flat_hash_set<ObjectId> Nodes() const;

 private:
  friend class IndexCursor;
  struct Extent {
    uint32_t number = 0;  // of the object; 0: hole
    uint32_t offset = 0;
    uint64_t length = 0;
    Fingerprint fingerprint;
  };
  IndexReader() = default;
  absl::Status CheckSections(const IndexIdentity& identity,
                             const SnapshotId& snapshot);
  std::optional<Extent> DecodeExtent(ByteView bytes) const;
  bool ObjectUsable(uint32_t number, double least_live) const;
  ObjectRef Object(uint32_t number) const;
  ByteView Section(uint64_t from, uint64_t to) const;

  std::unique_ptr<FileView> view_;
  ByteView all_;
  ByteView records_;
  ByteView objects_;
  ByteView fingerprints_;
  ByteView nodes_;
  std::vector<bool> excluded_;  // by number - 1; empty: none
};

// One pass over the entries. Borrows the reader.
class IndexCursor {
 public:
  explicit IndexCursor(const IndexReader& reader);

  // The next entry in order, or null at the end.
  const StoredEntry* Next();
  // The entry with exactly this key, or null. Keys must rise from call to call,
  // and not be mixed with Next.
  const StoredEntry* Find(absl::string_view directory, absl::string_view name);

 private:
  bool Advance();

  ByteCursor records_;
  absl::string_view directory_;
  StoredEntry current_;
  bool has_current_ = false;
};

}  // namespace nightsafe
