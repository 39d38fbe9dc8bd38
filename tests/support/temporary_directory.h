// A directory of one test, removed with all in it at the end.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace nightsafe {

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string Path(absl::string_view name) const;

 private:
  std::string path_;
};

}  // namespace nightsafe
