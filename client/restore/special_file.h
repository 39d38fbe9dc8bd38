// Symlinks, fifos, sockets and devices.
#pragma once

#include <sys/types.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/restore/file_descriptor.h"
#include "nightsafe/v1/format/entry.pb.h"

namespace nightsafe {

// The S_IFMT bits of a type; 0 for what cannot be made.
mode_t FormatOf(v1::format::EntryType type);

// errno of a call that should have made an entry, and errors for what stands
// under its name now.
absl::Status CannotMake();
absl::Status Replaced();

// Makes `entry` in `directory` under its own name, which the caller has
// checked, and opens it with O_PATH. Never takes something that was there or
// was put there meanwhile.
absl::StatusOr<FileDescriptor> MakeSpecialFile(int directory,
                                               const v1::format::Entry& entry);

}  // namespace nightsafe
