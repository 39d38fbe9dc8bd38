#include "client/restore/totals.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

absl::Status Compare(absl::string_view what, uint64_t found,
                     uint64_t expected) {
  if (found == expected) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the tree holds ", found, " ", what,
                                          ", its signed statistics say ",
                                          expected));
}

}  // namespace

void Totals::Add(const v1::format::Entry& entry) {
  ++entries;
  if (entry.type() == v1::format::DIRECTORY) ++directories;
  if (entry.type() == v1::format::REGULAR) {
    ++files;
    file_bytes += entry.size_bytes();
  }
}

absl::Status CheckTotals(const Totals& found,
                         const v1::format::Statistics& statistics) {
  NS_RETURN_IF_ERROR(Compare("entries", found.entries, statistics.entries()));
  NS_RETURN_IF_ERROR(Compare("files", found.files, statistics.files()));
  NS_RETURN_IF_ERROR(
      Compare("directories", found.directories, statistics.directories()));
  return Compare("bytes of files", found.file_bytes, statistics.file_bytes());
}

}  // namespace nightsafe
