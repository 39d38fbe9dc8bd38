// Small whole files, written so that a crash leaves the old or the new one.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/io/file_system.h"

namespace nightsafe {

// Temporary file beside `path`, write, sync, rename over, sync directory.
// Durable when it returns OK.
absl::Status WriteFileDurably(FileSystem& fs, absl::string_view path,
                              ByteView bytes, mode_t mode);

// As above, but ALREADY_EXISTS if there is a file at `path`.
absl::Status CreateFileDurably(FileSystem& fs, absl::string_view path,
                               ByteView bytes, mode_t mode);

// The whole file; RESOURCE_EXHAUSTED if it is longer than `limit_bytes`.
absl::StatusOr<std::string> ReadWholeFile(FileSystem& fs,
                                          absl::string_view path,
                                          uint64_t limit_bytes);

// Exactly `length` bytes at `offset`; DATA_LOSS if the file ends before.
absl::StatusOr<std::string> ReadExactly(const File& file, uint64_t offset,
                                        size_t length);

// Makes `path` and its missing parents, syncing each parent, also that of the
// first one that is there.
absl::Status MakeDirectoriesDurably(FileSystem& fs, absl::string_view path,
                                    mode_t mode);

// "a/b/c" -> "a/b"; "c" -> "."; "/c" -> "/".
absl::string_view DirectoryOf(absl::string_view path);

}  // namespace nightsafe
