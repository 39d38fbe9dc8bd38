// Problems and progress of a restore or verification, as a person sees them.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/restore/restore_report.h"
#include "client/terminal/exit_code.h"

namespace nightsafe {

// Prints to stderr. Not thread-safe.
class ReportOutput {
 public:
  // `verb`: "restored", "verified". `total_bytes` is for the progress line.
  ReportOutput(std::string verb, uint64_t total_bytes,
               uint64_t max_damage_lines = UINT64_MAX);

  // Lines of attributes that could not be set are cut off after some, and of
  // damage after `max_damage_lines`; missing files are all named.
  void Show(const Problem& problem);
  void ShowProgress(const RestoreReport& report);
  void ShowSummary(const RestoreReport& report);

 private:
  void ClearLine();
  const std::string verb_;
  const uint64_t total_bytes_;
  const uint64_t max_damage_lines_;
  const absl::Time started_;
  const bool terminal_;
  bool line_open_ = false;
  absl::Time last_shown_;
  std::array<uint64_t, kTroubleKinds> shown_{};
};

// Damage before entries that could not be made. What had not been saved was
// reported by that backup, and is no failure of this run.
ExitCode ExitCodeOf(const RestoreReport& report);

}  // namespace nightsafe
