// Any text as a name: what is let through has the form that the header says,
// and nothing else has.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "common/base/check.h"
#include "common/base/names.h"

namespace {

// By table, unlike the code under test.
bool IsOneOf(const char* set, char c) {
  return c != '\0' && std::strchr(set, c) != nullptr;
}

bool HasForm(absl::string_view name, size_t limit, const char* first) {
  if (name.empty() || name.size() > limit || !IsOneOf(first, name[0])) {
    return false;
  }
  for (char c : name) {
    if (!IsOneOf(first, c) && !IsOneOf("._-", c)) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  constexpr char kLower[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr char kMixed[] =
      "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const absl::string_view name(reinterpret_cast<const char*>(data), size);
  const absl::Status plain = ValidateName("host", name);
  const absl::Status keyed = ValidateKeyedName(name);
  NS_CHECK(plain.ok() == HasForm(name, 63, kLower));
  NS_CHECK(keyed.ok() == HasForm(name, 128, kMixed));
  for (const absl::Status& status : {plain, keyed}) {
    NS_CHECK(status.ok() || absl::IsInvalidArgument(status));
    for (char c : status.message()) NS_CHECK(c >= 0x20 && c < 0x7f);
  }
  return 0;
}
