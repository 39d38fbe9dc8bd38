// Two texts, the length of the first in one byte, as paths: parsing and joining
// are inverse, and the order is one.
#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>

#include "common/base/check.h"
#include "common/tree/path_key.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  if (size == 0) return 0;
  const absl::string_view text(reinterpret_cast<const char*>(data) + 1,
                               size - 1);
  const size_t split = std::min<size_t>(data[0], text.size());
  const auto a = ParsePath(text.substr(0, split));
  const auto b = ParsePath(text.substr(split));
  for (const auto& key : {a, b}) {
    if (!key.ok()) continue;
    NS_CHECK(IsValidPathKey(key->directory, key->name));
    NS_CHECK(*ParsePath(JoinPath(key->directory, key->name)) == *key);
  }
  if (!a.ok() || !b.ok()) return 0;
  NS_CHECK(((*a <=> *b) == 0) == (*a == *b));
  NS_CHECK((*a < *b) == (*b > *a));
  return 0;
}
