#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/pki/pki.h"

namespace nightsafe {
namespace {

constexpr absl::string_view kScheme = "nightsafe://";
constexpr size_t kMaxUriBytes = 512;

absl::Status NotAnIdentity() {
  return absl::InvalidArgumentError(
      "not an identity of the form nightsafe://SERVER/ROLE/NAME");
}

}  // namespace

std::string PeerIdentity::ToUri() const {
  const std::string prefix = absl::StrCat(kScheme, server.Hex());
  switch (role) {
    case PeerRole::kHost:
      return absl::StrCat(prefix, "/host/", vault, "/", name);
    case PeerRole::kReader:
      return absl::StrCat(prefix, "/reader/", name);
    case PeerRole::kAdmin:
      return absl::StrCat(prefix, "/admin/", name);
  }
  return prefix;
}

absl::StatusOr<PeerIdentity> PeerIdentity::FromUri(absl::string_view uri) {
  if (uri.size() > kMaxUriBytes || !absl::ConsumePrefix(&uri, kScheme)) {
    return NotAnIdentity();
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(uri, '/');
  if (parts.size() < 3) return NotAnIdentity();
  PeerIdentity identity;
  for (char c : parts[0]) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c))) {
      return NotAnIdentity();
    }
  }
  NS_ASSIGN_OR_RETURN(identity.server, ServerId::FromHex(parts[0]));
  if (parts[1] == "host" && parts.size() == 4) {
    identity.role = PeerRole::kHost;
    identity.vault = std::string(parts[2]);
    NS_RETURN_IF_ERROR(ValidateName("vault", identity.vault));
  } else if (parts[1] == "reader" && parts.size() == 3) {
    identity.role = PeerRole::kReader;
  } else if (parts[1] == "admin" && parts.size() == 3) {
    identity.role = PeerRole::kAdmin;
  } else {
    return NotAnIdentity();
  }
  identity.name = std::string(parts.back());
  NS_RETURN_IF_ERROR(ValidateName("peer", identity.name));
  return identity;
}

std::string ServerDnsName(const ServerId& server) {
  return absl::StrCat(server.Hex(), ".nightsafe");
}

}  // namespace nightsafe
