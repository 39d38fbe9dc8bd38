// Any text as the server's settings, and as an address: what is accepted is the
// same after it was written anew.
#include <cstddef>
#include <cstdint>

#include "common/base/check.h"
#include "server/config.h"

namespace nightsafe {
namespace {

void CheckSettings(absl::string_view text) {
  const absl::StatusOr<ServerConfig> config = ParseConfig(text);
  if (!config.ok()) {
    NS_CHECK(absl::IsInvalidArgument(config.status()));
    return;
  }
  NS_CHECK(CheckConfig(*config).ok());
  const absl::StatusOr<ServerConfig> again = ParseConfig(FormatConfig(*config));
  NS_CHECK(again.ok());
  NS_CHECK(again->listen == config->listen);
  NS_CHECK(again->enrol_listen == config->enrol_listen);
  NS_CHECK(again->metrics_listen == config->metrics_listen);
  NS_CHECK(again->admin_socket == config->admin_socket);
  NS_CHECK(again->admin_listen == config->admin_listen);
  NS_CHECK(again->address == config->address);
  NS_CHECK(again->enrol_address == config->enrol_address);
  NS_CHECK(again->reserve_bytes == config->reserve_bytes);
  NS_CHECK(again->reserve_share == config->reserve_share);
  NS_CHECK(again->pack_bytes == config->pack_bytes);
  NS_CHECK(again->idle_timeout == config->idle_timeout);
  NS_CHECK(again->session_expiry == config->session_expiry);
  NS_CHECK(again->max_threads == config->max_threads);
}

void CheckAddress(absl::string_view text) {
  const absl::StatusOr<HostPort> address = ParseHostPort(text);
  if (!address.ok()) {
    NS_CHECK(absl::IsInvalidArgument(address.status()));
    return;
  }
  NS_CHECK(address->port >= 0 && address->port <= 65535);
  const absl::StatusOr<HostPort> again =
      ParseHostPort(FormatHostPort(address->host, address->port));
  NS_CHECK(again.ok() && again->host == address->host &&
           again->port == address->port);
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  nightsafe::CheckSettings(text);
  nightsafe::CheckAddress(text);
  return 0;
}
