#include "server/vault/free_space.h"

#include <algorithm>

#include "common/base/status.h"

namespace nightsafe {
namespace {

// So much may be written between two looks at the free space.
constexpr uint64_t kSliceBytes = 8 << 20;

}  // namespace

FreeSpace::FreeSpace(FileSystem& fs, absl::string_view directory,
                     uint64_t reserve_bytes, double reserve_share)
    : fs_(fs),
      directory_(directory),
      reserve_bytes_(reserve_bytes),
      reserve_share_(reserve_share) {}

absl::Status FreeSpace::Spend(uint64_t bytes, Purpose& purpose) {
  if (bytes > purpose.spendable_bytes) {
    NS_ASSIGN_OR_RETURN(SpaceInfo space, fs_.Space(directory_));
    const auto reserve = static_cast<uint64_t>(
        purpose.share_of_reserve *
        std::max(static_cast<double>(reserve_bytes_),
                 reserve_share_ * static_cast<double>(space.total_bytes)));
    if (space.available_bytes < reserve + bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the server's disk has ", space.available_bytes,
          " bytes free, its reserve is ", reserve,
          " bytes; earlier snapshots are intact; free space or add a disk; the "
          "agent goes on from where it is"));
    }
    purpose.spendable_bytes =
        std::min(space.available_bytes - reserve, std::max(kSliceBytes, bytes));
  }
  purpose.spendable_bytes -= bytes;
  return absl::OkStatus();
}

}  // namespace nightsafe
