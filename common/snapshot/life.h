// What became of a committed snapshot.
#pragma once

namespace nightsafe {

enum class SnapshotLife {
  kLive,
  kExpired,  // in the trash: not listed unless asked for, can be brought back
  kPurged,   // final: what only it reaches may be collected
};

}  // namespace nightsafe
