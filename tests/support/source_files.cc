#include "tests/support/source_files.h"

#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/check.h"
#include "common/base/ids.h"

namespace nightsafe {
namespace {

std::map<std::string, std::string> ParseHexLines(absl::string_view text) {
  std::map<std::string, std::string> values;
  std::string name;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.empty()) continue;
    if (line[0] != ' ') {
      NS_CHECK(line.back() == ':');
      name = std::string(line.substr(0, line.size() - 1));
      NS_CHECK(values.emplace(name, "").second);
      continue;
    }
    absl::StatusOr<std::string> bytes =
        HexDecode(absl::StripAsciiWhitespace(line));
    NS_CHECK(bytes.ok());
    values.at(name) += *bytes;
  }
  NS_CHECK(!values.empty());
  return values;
}

}  // namespace

std::string ReadSourceFile(absl::string_view path) {
  std::ifstream file(absl::StrCat(NIGHTSAFE_SOURCE_DIR, "/", path),
                     std::ios::binary);
  NS_CHECK(file.good());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::map<std::string, std::string> ReadFormatExample(absl::string_view path) {
  constexpr absl::string_view kBegin = "\n```example\n";
  const std::string text = ReadSourceFile(path);
  const size_t fence = text.find(std::string(kBegin));
  NS_CHECK(fence != std::string::npos);
  const size_t begin = fence + kBegin.size();
  const size_t end = text.find("```", begin);
  NS_CHECK(end != std::string::npos);
  return ParseHexLines(absl::string_view(text).substr(begin, end - begin));
}

std::map<std::string, std::string> ReadHexFile(absl::string_view path) {
  return ParseHexLines(ReadSourceFile(path));
}

}  // namespace nightsafe
