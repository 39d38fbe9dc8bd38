#include "server/public_address.h"

#include <unistd.h>

#include <array>

#include "server/config.h"

namespace nightsafe {

std::string Bound(const std::string& listen, int port) {
  const auto parsed = ParseHostPort(listen);
  return FormatHostPort(parsed.ok() ? parsed->host : "", port);
}

std::string PublicAddress(const std::string& configured,
                          const std::string& bound) {
  if (!configured.empty()) return configured;
  const auto parsed = ParseHostPort(bound);
  if (!parsed.ok()) return bound;
  if (parsed->host != "::" && parsed->host != "0.0.0.0") return bound;
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return bound;
  return FormatHostPort(name.data(), parsed->port);
}

std::string AddressOfPort(const std::string& configured,
                          const std::string& bound) {
  const auto host = ParseHostPort(configured);
  const auto port = ParseHostPort(bound);
  if (!host.ok() || !port.ok()) return PublicAddress("", bound);
  return FormatHostPort(host->host, port->port);
}

}  // namespace nightsafe
