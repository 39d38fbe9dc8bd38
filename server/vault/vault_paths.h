// Where a vault keeps its files.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "server/pack/format.h"

namespace nightsafe {

struct VaultPaths {
  explicit VaultPaths(absl::string_view directory)
      : root(directory),
        journal(absl::StrCat(directory, "/journal")),
        packs(absl::StrCat(directory, "/packs")),
        open(absl::StrCat(directory, "/packs/open")),
        sealed(absl::StrCat(directory, "/packs/sealed")),
        removed(absl::StrCat(directory, "/removed")),
        scrub(absl::StrCat(directory, "/scrub")) {}

  std::string OpenPack(const PackId& pack) const {
    return absl::StrCat(open, "/", PackFileName(pack));
  }
  std::string SealedPack(const PackId& pack) const {
    return absl::StrCat(sealed, "/", PackFileName(pack));
  }

  std::string root;
  std::string journal;
  std::string packs;
  std::string open;
  std::string sealed;
  std::string removed;  // the sweeper's
  std::string scrub;    // how far the present scrub is; may vanish
};

}  // namespace nightsafe
