// How far a scrub is, kept in a small file beside the vault's packs.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "common/io/file_system.h"
#include "nightsafe/v1/format/scrub.pb.h"
#include "server/vault/vault_paths.h"

namespace nightsafe {

using v1::format::ScrubCursor;

// Nothing if no scrub is under way, or if the file is damaged or cannot be
// read: then the next one begins anew.
std::optional<ScrubCursor> LoadScrubCursor(FileSystem& fs,
                                           const VaultPaths& paths);
// Durable when OK.
absl::Status SaveScrubCursor(FileSystem& fs, const VaultPaths& paths,
                             const ScrubCursor& cursor);
// No scrub is under way. OK if there was none.
absl::Status RemoveScrubCursor(FileSystem& fs, const VaultPaths& paths);

}  // namespace nightsafe
