#include "client/agent/status.h"

#include "absl/strings/str_cat.h"
#include "client/agent/state.h"
#include "common/base/names.h"
#include "common/base/status.h"

namespace nightsafe {

absl::StatusOr<std::vector<SetStatus>> ReadBackupStatus(
    FileSystem& fs, absl::string_view state_directory) {
  std::vector<SetStatus> sets;
  auto names = fs.List(absl::StrCat(state_directory, "/sets"));
  if (absl::IsNotFound(names.status())) return sets;
  NS_RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    if (!ValidateName("set", name).ok()) continue;
    auto state = LoadSetState(fs, SetDirectory(state_directory, name));
    if (absl::IsNotFound(state.status())) continue;
    SetStatus& set = sets.emplace_back();
    set.set = name;
    if (absl::IsDataLoss(state.status())) {
      set.damaged = true;
      continue;
    }
    NS_RETURN_IF_ERROR(state.status());
    set.snapshot = state->head;
    set.chain_counter = state->chain_counter;
    set.received = state->received;
    set.entries = state->figures.entries;
    set.file_bytes = state->figures.file_bytes;
    set.unreadable = state->figures.unreadable;
    set.commit_pending = state->pending.has_value();
  }
  return sets;
}

}  // namespace nightsafe
