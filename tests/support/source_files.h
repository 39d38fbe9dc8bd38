// Files of the source tree that tests check the code against: the worked
// examples of FORMAT.md files and frozen vectors. Aborts where one is missing.
#pragma once

#include <map>
#include <string>

#include "absl/strings/string_view.h"

namespace nightsafe {

// The bytes of a file, named from the top of the source tree.
std::string ReadSourceFile(absl::string_view path);

// "name:" at the start of a line, then its bytes in indented lines of hex; all
// lines of the file's first block that begins with ```example.
std::map<std::string, std::string> ReadFormatExample(absl::string_view path);

// The same lines, as a whole file.
std::map<std::string, std::string> ReadHexFile(absl::string_view path);

}  // namespace nightsafe
