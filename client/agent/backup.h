// One backup: walk, read, seal, deposit, commit. Prints nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/rpc/connection.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/crypto/keyring.h"
#include "common/io/file_system.h"
#include "common/object/sealer.h"
#include "nightsafe/v1/format/manifest.pb.h"

namespace nightsafe {

struct BackupOptions {
  ConnectionOptions connection;
  // The agent's own directory, made if absent; never backed up itself.
  std::string state_directory;
  std::string set;
  // Absolute; symbolic links in parents are followed, the last component is
  // not. Nested ones are dropped.
  std::vector<std::string> roots;
  // Not negative: instead of roots, one stream from this descriptor, kept as
  // the file /`stream_name`.
  int stream_descriptor = -1;
  std::string stream_name = "stdin";
  v1::format::Consistency consistency = v1::format::CRASH;
  std::string agent_version;
  int compression_level = kDefaultCompressionLevel;
  // Reads everything, as if there were no index.
  bool ignore_index = false;
  // How often a broken connection is made again within one run, and how long
  // the first wait is (doubled each time, at most a minute).
  int max_reconnects = 6;
  absl::Duration first_wait = absl::Seconds(1);
};

// So far. Bytes are of file contents unless said otherwise.
struct BackupProgress {
  enum class Phase { kConnecting, kReading, kFinishing, kCommitting };
  Phase phase = Phase::kConnecting;
  uint64_t entries = 0;
  uint64_t files = 0;
  uint64_t directories = 0;
  uint64_t file_bytes = 0;   // sum of sizes
  uint64_t read_bytes = 0;   // read from disk in this run
  uint64_t new_objects = 0;  // put to the server
  uint64_t sent_bytes = 0;   // of messages to the server
  uint64_t unreadable = 0;   // entries without their content
  uint64_t vanished = 0;     // left out: gone between listing and reading
  uint64_t changed = 0;      // changed while read, twice
};

struct BackupProblem {
  std::string path;
  std::string message;
};

inline constexpr size_t kMaxReportedProblems = 1000;

struct BackupResult {
  SnapshotId snapshot;
  absl::Time received;  // by the server's clock
  uint64_t sequence = 0;
  BackupProgress totals;
  // The first kMaxReportedProblems; the totals count all.
  std::vector<BackupProblem> problems;
  // For a person: a damaged index was ignored, objects were sent anew, ...
  std::vector<std::string> notes;

  // Something that should be in the snapshot is not: exit code 3.
  bool incomplete() const {
    return totals.unreadable != 0 || totals.vanished != 0;
  }
};

// Called on the caller's thread, at most some times a second.
using OnBackupProgress = std::function<void(const BackupProgress&)>;

// FAILED_PRECONDITION: another run of this set goes on, or the certificate has
// expired. INVALID_ARGUMENT: roots. UNAVAILABLE: the server could not be
// reached; what was stored is not sent again by the next run.
// RESOURCE_EXHAUSTED: the server's or this machine's disk. ABORTED: the server
// kept reporting objects as missing, or a newer run took the session over.
absl::StatusOr<BackupResult> RunBackup(const BackupOptions& options,
                                       const DepositKey& deposit_key,
                                       FileSystem& fs, const Clock& clock,
                                       const OnBackupProgress& on_progress);

}  // namespace nightsafe
