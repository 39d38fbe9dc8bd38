#include "tests/support/temporary_directory.h"

#include <stdlib.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace nightsafe {

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = absl::StrCat(
      std::filesystem::temp_directory_path().string(), "/nightsafe.XXXXXX");
  NS_CHECK(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // what is left is in the system's temporary place
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryDirectory::Path(absl::string_view name) const {
  return absl::StrCat(path_, "/", name);
}

}  // namespace nightsafe
