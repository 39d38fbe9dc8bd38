// Any text as what follows "ssh://": no part can be taken for an option of ssh,
// and the parts make up the text again.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/admin/server_link.h"
#include "common/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<SshTarget> target = ParseSshTarget(text);
  if (!target.ok()) {
    NS_CHECK(absl::IsInvalidArgument(target.status()));
    return 0;
  }
  NS_CHECK(!target->destination.empty() && target->destination[0] != '-');
  NS_CHECK(target->socket[0] == '/');
  for (char c : target->port) NS_CHECK(c >= '0' && c <= '9');
  const bool default_socket = text.find('/') == absl::string_view::npos;
  NS_CHECK(!default_socket || target->socket == kDefaultAdminSocket);
  NS_CHECK(absl::StrCat(target->destination, target->port.empty() ? "" : ":",
                        target->port,
                        default_socket ? "" : target->socket) == text);
  return 0;
}
