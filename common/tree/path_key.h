// The order of entries in a snapshot: directory path, compared component by
// component as unsigned bytes, then name. It equals walk order if a directory's
// listing is emitted before any of its children's listings.
#pragma once

#include <compare>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nightsafe {

// `directory`: absolute path without a trailing '/'; "" is the root directory.
struct PathKey {
  std::string directory;
  std::string name;  // "" only with directory "": the entry of "/" itself

  friend bool operator==(const PathKey&, const PathKey&) = default;
};

std::strong_ordering ComparePaths(absl::string_view directory_a,
                                  absl::string_view directory_b);
std::strong_ordering operator<=>(const PathKey& a, const PathKey& b);

// A name that may stand in a directory: 1 to kMaxNameBytes bytes, no '/', no
// NUL, not "." or "..".
bool IsValidName(absl::string_view name);
// "" or an absolute path of valid names, without a trailing '/', of at most
// kMaxPathBytes.
bool IsValidDirectory(absl::string_view directory);
// A valid directory with a valid name, or the entry of "/".
bool IsValidPathKey(absl::string_view directory, absl::string_view name);

// "/a/b" -> {"/a", "b"}; "/" -> {"", ""}. INVALID_ARGUMENT for a relative path
// or one with "." or "..", NUL, an empty component or a component or path past
// its limit (a trailing '/' is dropped).
absl::StatusOr<PathKey> ParsePath(absl::string_view path);
// The inverse.
std::string JoinPath(absl::string_view directory, absl::string_view name);

}  // namespace nightsafe
