// Owner, mode, times, extended attributes and flags, onto an open descriptor.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nightsafe/v1/format/entry.pb.h"

namespace nightsafe {

struct MetadataOptions {
  // Numeric owner and group. Without it (not root) neither is touched, and
  // setuid and setgid are left out: they would lend the restoring user's
  // rights.
  bool owners = true;
};

// Called with what could not be set and why.
using MetadataTrouble = std::function<void(absl::string_view reason)>;

// Sets all but the flags that forbid changes (immutable, append-only), which
// ApplyLockingFlags sets when nothing more is to be done. `fd` is open for
// reading or writing, or is an O_PATH descriptor of something that must not be
// opened (symlink, fifo, device, socket).
void ApplyMetadata(int fd, const v1::format::Entry& entry,
                   const MetadataOptions& options,
                   const MetadataTrouble& trouble);

// Flags that must be set while a file is still empty (no copy-on-write, ...).
void ApplyEarlyFlags(int fd, const v1::format::Entry& entry,
                     const MetadataTrouble& trouble);
bool HasLockingFlags(const v1::format::Entry& entry);
void ApplyLockingFlags(int fd, const v1::format::Entry& entry,
                       const MetadataTrouble& trouble);

}  // namespace nightsafe
