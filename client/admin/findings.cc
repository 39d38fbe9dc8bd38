#include "client/admin/findings.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/terminal/text.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"

namespace nightsafe {
namespace {

constexpr size_t kShortIdDigits = 12;
// More would hide what matters.
constexpr int kNamedSnapshots = 5;

std::string IdOf(const std::string& id) { return HexEncode(AsBytes(id)); }

bool IsOfPack(const v1::ScrubFinding& finding) {
  return std::all_of(finding.object_id().begin(), finding.object_id().end(),
                     [](char c) { return c == 0; });
}

std::string What(const v1::ScrubFinding& finding) {
  if (!IsOfPack(finding)) {
    return absl::StrCat("object ", IdOf(finding.object_id()),
                        finding.pack().empty()
                            ? ""
                            : absl::StrCat(" in pack ", finding.pack(), " at ",
                                           finding.offset()));
  }
  return absl::StrCat(
      "pack ", finding.pack(),
      finding.offset() == 0 ? "" : absl::StrCat(" at ", finding.offset()),
      finding.objects() == 0
          ? ""
          : absl::StrCat(", ", finding.objects(), " objects"));
}

std::string Snapshots(const v1::ScrubFinding& finding) {
  std::vector<std::string> names;
  for (const v1::HitSnapshot& snapshot : finding.snapshots()) {
    if (names.size() == kNamedSnapshots) break;
    names.push_back(NameOf(snapshot));
  }
  if (names.empty() && finding.snapshots_unknown()) {
    return "which snapshots need it is not known";
  }
  if (names.empty()) return "no snapshot needs it";
  const uint64_t more = static_cast<uint64_t>(finding.snapshots_size()) -
                        names.size() + finding.more_snapshots();
  return absl::StrCat("needed by ", absl::StrJoin(names, ", "),
                      more == 0 ? "" : absl::StrCat(" and ", more, " more"));
}

}  // namespace

std::string NameOf(const v1::HitSnapshot& snapshot) {
  return absl::StrCat(
      snapshot.host(), "/", snapshot.set(), " of ",
      ShowTime(absl::FromUnixNanos(snapshot.received_unix_ns())), " (",
      IdOf(snapshot.snapshot()).substr(0, kShortIdDigits), ")");
}

std::string ShowFinding(const v1::ScrubFinding& finding) {
  std::string text =
      absl::StrCat(finding.verdict(), ": vault ", finding.vault(), ", ",
                   What(finding), ": ", ShowName(finding.detail()));
  if (finding.verdict() == "framing" || finding.verdict() == "unindexed") {
    return text;
  }
  return absl::StrCat(text, "\n  ", Snapshots(finding));
}

nlohmann::json ToJson(const v1::HitSnapshot& snapshot) {
  return {{"snapshot", IdOf(snapshot.snapshot())},
          {"host", snapshot.host()},
          {"set", snapshot.set()},
          {"sequence", snapshot.sequence()},
          {"received_unix_ns", snapshot.received_unix_ns()},
          {"objects", snapshot.objects()},
          {"more_objects", snapshot.more_objects()}};
}

nlohmann::json ToJson(const v1::ScrubFinding& finding) {
  nlohmann::json snapshots = nlohmann::json::array();
  for (const v1::HitSnapshot& snapshot : finding.snapshots()) {
    snapshots.push_back(ToJson(snapshot));
  }
  return {{"vault", finding.vault()},
          {"object", IsOfPack(finding) ? "" : IdOf(finding.object_id())},
          {"objects", finding.objects()},
          {"verdict", finding.verdict()},
          {"pack", finding.pack()},
          {"offset", finding.offset()},
          {"detail", finding.detail()},
          {"snapshots", snapshots},
          {"more_snapshots", finding.more_snapshots()},
          {"snapshots_unknown", finding.snapshots_unknown()}};
}

}  // namespace nightsafe
