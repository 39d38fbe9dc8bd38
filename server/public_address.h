// Where a server is, for those who are told.
#pragma once

#include <string>

namespace nightsafe {

// `listen` with the port that was bound.
std::string Bound(const std::string& listen, int port);

// What peers are told: as configured, else a name of this machine.
std::string PublicAddress(const std::string& configured,
                          const std::string& bound);

// The same for another port of the machine that `configured` names.
std::string AddressOfPort(const std::string& configured,
                          const std::string& bound);

}  // namespace nightsafe
