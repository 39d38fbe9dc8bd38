// Any text as the name of a snapshot: what is understood means the same when it
// is written from its parts.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/restore/snapshot_name.h"
#include "common/base/check.h"
#include "common/base/names.h"
#include "common/tree/path_key.h"

namespace nightsafe {
namespace {

// One second less than what it means, so that the text names that second.
std::string Written(const SnapshotName& name) {
  std::string text = name.host;
  if (!name.set.empty()) absl::StrAppend(&text, "/", name.set);
  switch (name.choice) {
    case SnapshotName::Choice::kLatest:
      break;
    case SnapshotName::Choice::kId:
      absl::StrAppend(&text, "@", name.id_prefix);
      break;
    case SnapshotName::Choice::kBefore:
      absl::StrAppend(&text, "@",
                      absl::FormatTime("%E4Y-%m-%dT%H:%M:%SZ",
                                       name.before - absl::Seconds(1),
                                       absl::UTCTimeZone()));
      break;
  }
  if (!name.path.empty()) absl::StrAppend(&text, ":", name.path);
  return text;
}

bool Same(const SnapshotName& a, const SnapshotName& b) {
  return a.host == b.host && a.set == b.set && a.choice == b.choice &&
         a.before == b.before && a.id_prefix == b.id_prefix && a.path == b.path;
}

void CheckName(absl::string_view text) {
  const auto name = ParseSnapshotName(text, absl::UTCTimeZone());
  if (!name.ok()) {
    NS_CHECK(absl::IsInvalidArgument(name.status()));
    return;
  }
  NS_CHECK(ValidateName("host", name->host).ok());
  NS_CHECK(name->set.empty() || ValidateName("set", name->set).ok());
  NS_CHECK(name->path.empty() || ParsePath(name->path).ok());
  NS_CHECK(name->choice != SnapshotName::Choice::kId ||
           (name->id_prefix.size() >= kMinIdPrefixDigits &&
            name->id_prefix.size() <= 64));
  const auto again = ParseSnapshotName(Written(*name), absl::UTCTimeZone());
  NS_CHECK(again.ok() && Same(*again, *name));
}

void CheckFilter(absl::string_view text) {
  const absl::StatusOr<SetFilter> filter = ParseSetFilter(text);
  if (!filter.ok()) {
    NS_CHECK(absl::IsInvalidArgument(filter.status()));
    return;
  }
  NS_CHECK(filter->host +
               (filter->set.empty() ? "" : absl::StrCat("/", filter->set)) ==
           text);
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  nightsafe::CheckName(text);
  nightsafe::CheckFilter(text);
  return 0;
}
