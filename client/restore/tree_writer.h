// Makes the entries of a snapshot below a target directory.
//
// The snapshot and whoever else can write to the target are both taken for
// hostile: entries go only into directories that an entry of this run made (or
// found, with into_existing) and that are still the same inode; nothing that
// exists is opened, replaced or followed; attributes are set by descriptor.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/restore/entry_metadata.h"
#include "client/restore/restore_report.h"
#include "client/restore/target_root.h"
#include "common/base/bytes.h"
#include "common/tree/cursor.h"

namespace nightsafe {

struct WriterOptions {
  MetadataOptions metadata;
  // Keep files with damaged contents, zeroes in the place of what is lost.
  bool keep_damaged = false;
};

// Not thread-safe. Borrows `root` and `report`; what cannot be restored is
// added to the report. Errors returned end the restore: the target is full.
class TreeWriter {
 public:
  TreeWriter(const TargetRoot& root, WriterOptions options,
             RestoreReport& report);

  // The next entry in snapshot order. Then, for a regular file, any number of
  // Writes within its size; what is not written is a hole. Then End.
  absl::Status Begin(std::shared_ptr<const TreeEntry> entry);
  absl::Status Write(uint64_t offset, ByteView bytes);
  // Part of the content cannot be had: End removes the file or, if it is to be
  // kept, reports it. Until End a file has another name, ".nightsafe-partial-"
  // and 16 digits: a restore that is killed leaves nothing half-written under
  // the name of what it was to be.
  void MarkDamaged(absl::string_view reason);
  absl::Status End();

  // Once, after the last entry: what must come last. Directories, deepest
  // first. When it returns OK all is on the disk.
  absl::Status Finish();

 private:
  struct Directory {
    std::string path;
    FileIdentity identity;
    std::shared_ptr<const TreeEntry> entry;  // null: was there before
  };
  struct LinkSource {
    std::string directory;
    std::string name;
    FileIdentity identity;
    v1::format::EntryType type;
  };
  struct OpenFile {
    std::shared_ptr<const TreeEntry> entry;
    FileDescriptor fd;
    FileIdentity identity;
    std::string temporary;  // its name until it is whole
    std::string damage;     // empty: none
  };
  struct LockedLater {
    std::shared_ptr<const TreeEntry> entry;
    FileIdentity identity;
  };

  absl::Status Make(const std::shared_ptr<const TreeEntry>& entry);
  absl::Status MakeRoot(const std::shared_ptr<const TreeEntry>& entry);
  absl::Status MakeDirectory(const std::shared_ptr<const TreeEntry>& entry);
  absl::Status MakeFile(const std::shared_ptr<const TreeEntry>& entry);
  absl::Status MakeSpecial(const TreeEntry& entry);
  absl::Status MakeLink(const TreeEntry& entry, const LinkSource& source);

  absl::Status EnterDirectory(const std::string& path);
  absl::StatusOr<FileDescriptor> OpenKnownDirectory(
      const std::string& path) const;
  void Remember(const TreeEntry& entry, const FileIdentity& identity);
  void Forget(const TreeEntry& entry);
  void RemoveFile(const OpenFile& file);
  absl::Status Publish(const OpenFile& file);
  void Lock(const LockedLater& file);
  MetadataTrouble TroubleWith(const TreeEntry& entry);

  const TargetRoot& root_;
  const WriterOptions options_;
  RestoreReport& report_;

  std::vector<Directory> directories_;  // parents before children
  absl::flat_hash_map<std::string, size_t> directory_places_;
  std::string current_path_;
  FileDescriptor current_;
  std::optional<OpenFile> file_;
  absl::flat_hash_map<uint64_t, LinkSource> link_sources_;
  absl::flat_hash_set<uint64_t> lost_links_;
  std::vector<LockedLater> locked_later_;
};

}  // namespace nightsafe
