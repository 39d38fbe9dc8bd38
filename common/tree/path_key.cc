#include "common/tree/path_key.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/limits.h"

namespace nightsafe {
namespace {

// '/' ends a component, so it sorts below every byte of a longer one.
int Rank(char c) {
  return c == '/' ? -1 : static_cast<int>(static_cast<unsigned char>(c));
}

}  // namespace

std::strong_ordering ComparePaths(absl::string_view directory_a,
                                  absl::string_view directory_b) {
  const auto [a, b] = std::mismatch(directory_a.begin(), directory_a.end(),
                                    directory_b.begin(), directory_b.end());
  if (a == directory_a.end() || b == directory_b.end()) {
    return directory_a.size() <=> directory_b.size();
  }
  return Rank(*a) <=> Rank(*b);
}

std::strong_ordering operator<=>(const PathKey& a, const PathKey& b) {
  const std::strong_ordering order = ComparePaths(a.directory, b.directory);
  if (order != std::strong_ordering::equal) return order;
  return a.name.compare(b.name) <=> 0;
}

bool IsValidName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name != "." &&
         name != ".." && name.find('/') == name.npos &&
         name.find('\0') == name.npos;
}

bool IsValidDirectory(absl::string_view directory) {
  if (directory.size() > kMaxPathBytes) return false;
  while (!directory.empty()) {
    if (directory.front() != '/') return false;
    directory.remove_prefix(1);
    const size_t length = std::min(directory.find('/'), directory.size());
    if (!IsValidName(directory.substr(0, length))) return false;
    directory.remove_prefix(length);
  }
  return true;
}

bool IsValidPathKey(absl::string_view directory, absl::string_view name) {
  if (name.empty()) return directory.empty();
  return IsValidName(name) && IsValidDirectory(directory);
}

absl::StatusOr<PathKey> ParsePath(absl::string_view path) {
  absl::string_view directory = path;
  if (!directory.empty() && directory.back() == '/') directory.remove_suffix(1);
  if (path.empty() || !IsValidDirectory(directory)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", absl::CHexEscape(path.substr(0, 200)),
        "\" is not an absolute path without empty, \".\" or \"..\" parts"));
  }
  if (directory.empty()) return PathKey{};
  const size_t slash = directory.rfind('/');
  return PathKey{std::string(directory.substr(0, slash)),
                 std::string(directory.substr(slash + 1))};
}

std::string JoinPath(absl::string_view directory, absl::string_view name) {
  return absl::StrCat(directory, "/", name);
}

}  // namespace nightsafe
