// Whether packs may go: nothing that a snapshot needs lies in them alone. Seen
// from journal and packs, never from the server's object index.
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/io/file_system.h"
#include "server/sweep/vault_view.h"
#include "server/vault/vault_paths.h"

namespace nightsafe {

// By pack, the path where it lies.
using DoomedPacks = std::map<PackId, std::string>;

// For each of `doomed` OK, or FAILED_PRECONDITION: what needs it, or why that
// cannot be said. Reads the doomed packs whole, the tables of contents of all
// others, and, only if an object of a doomed pack has no other copy that is
// right, every node that a snapshot reaches which is not purged. An error of
// the call: nothing is known of any of them.
absl::StatusOr<std::map<PackId, absl::Status>> ProveUseless(
    FileSystem& fs, const VaultPaths& paths, const VaultView& vault,
    const DoomedPacks& doomed);

}  // namespace nightsafe
