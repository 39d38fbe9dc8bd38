// What a set must not forget: where its chain of manifests stands, and a commit
// whose answer is outstanding.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/agent/index_format.h"
#include "common/base/ids.h"
#include "common/io/file_system.h"

namespace nightsafe {

struct SnapshotFigures {
  uint64_t entries = 0;
  uint64_t file_bytes = 0;
  uint64_t unreadable = 0;
};

// Sent again first by the next run: the same session, the same bytes.
struct PendingCommit {
  SessionId session;
  std::string manifest;
  std::string index_name;  // empty: there is none
  uint64_t chain_counter = 0;
  SnapshotFigures figures;
};

struct SetState {
  IndexIdentity identity;
  SnapshotId head;  // zero if chain_counter is 0
  uint64_t chain_counter = 0;
  // The chain before this one was lost; said in its first manifest.
  bool restarted = false;
  absl::Time received;
  SnapshotFigures figures;
  std::string index_name;  // file in the set's directory; empty: none
  std::optional<PendingCommit> pending;
};

std::string EncodeSetState(const SetState& state);
// DATA_LOSS for anything that was not written by EncodeSetState, whole.
absl::StatusOr<SetState> DecodeSetState(ByteView bytes);

// NOT_FOUND: never written.
absl::StatusOr<SetState> LoadSetState(FileSystem& fs,
                                      absl::string_view set_directory);
// Durable when it returns OK.
absl::Status SaveSetState(FileSystem& fs, absl::string_view set_directory,
                          const SetState& state);

// Of one set, below the agent's state directory.
std::string SetDirectory(absl::string_view state_directory,
                         absl::string_view set);

}  // namespace nightsafe
