#include "client/cli/report_output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/terminal/text.h"

namespace nightsafe {
namespace {

constexpr uint64_t kMaxAttributeLines = 20;
constexpr absl::Duration kProgressInterval = absl::Milliseconds(200);

const char* LabelOf(Trouble trouble) {
  switch (trouble) {
    case Trouble::kDamaged:
      return "damaged";
    case Trouble::kNotWritten:
      return "not restored";
    case Trouble::kNotSaved:
      return "not in the snapshot";
    case Trouble::kNotApplied:
      return "attribute not set";
  }
  return "problem";
}

}  // namespace

ReportOutput::ReportOutput(std::string verb, uint64_t total_bytes,
                           uint64_t max_damage_lines)
    : verb_(std::move(verb)),
      total_bytes_(total_bytes),
      max_damage_lines_(max_damage_lines),
      started_(absl::Now()),
      terminal_(isatty(STDERR_FILENO) == 1) {}

void ReportOutput::ClearLine() {
  if (line_open_) std::fputs("\r\x1b[K", stderr);
  line_open_ = false;
}

void ReportOutput::Show(const Problem& problem) {
  uint64_t number = ++shown_[static_cast<size_t>(problem.trouble)];
  bool attribute = problem.trouble == Trouble::kNotApplied;
  if (attribute && number > kMaxAttributeLines) return;
  if (problem.trouble == Trouble::kDamaged && number > max_damage_lines_) {
    return;
  }
  ClearLine();
  std::string path = problem.path.empty() ? "" : ShowName(problem.path) + ": ";
  std::fprintf(stderr, "%s: %s%s\n", LabelOf(problem.trouble), path.c_str(),
               ShowName(problem.reason).c_str());
  if (attribute && number == kMaxAttributeLines) {
    std::fprintf(stderr, "further attributes are only counted\n");
  }
}

void ReportOutput::ShowProgress(const RestoreReport& report) {
  absl::Time now = absl::Now();
  if (!terminal_ || now - last_shown_ < kProgressInterval) return;
  last_shown_ = now;
  std::fprintf(stderr, "\r\x1b[K%s %llu entries, %s of %s", verb_.c_str(),
               static_cast<unsigned long long>(report.entries),
               ShowBytes(report.file_bytes).c_str(),
               ShowBytes(total_bytes_).c_str());
  line_open_ = true;
}

void ReportOutput::ShowSummary(const RestoreReport& report) {
  ClearLine();
  std::fprintf(stderr, "%s %llu entries, %llu files, %s in %s\n", verb_.c_str(),
               static_cast<unsigned long long>(report.entries),
               static_cast<unsigned long long>(report.files),
               ShowBytes(report.file_bytes).c_str(),
               ShowDuration(absl::Now() - started_).c_str());
  for (Trouble trouble : {Trouble::kDamaged, Trouble::kNotWritten,
                          Trouble::kNotSaved, Trouble::kNotApplied}) {
    if (report.count(trouble) == 0) continue;
    std::fprintf(stderr, "%s: %llu\n", LabelOf(trouble),
                 static_cast<unsigned long long>(report.count(trouble)));
  }
}

ExitCode ExitCodeOf(const RestoreReport& report) {
  if (report.count(Trouble::kDamaged) > 0) return kExitDamaged;
  // Whoever looks at nothing else must learn that it is not as it was.
  if (report.count(Trouble::kNotWritten) > 0 ||
      report.count(Trouble::kNotApplied) > 0) {
    return kExitUnreadableFiles;
  }
  return kExitOk;
}

}  // namespace nightsafe
