// Where a program keeps its things.
#pragma once

#include <string>

namespace nightsafe {

// Credentials: $NIGHTSAFE_CONFIG_DIR, else /etc/nightsafe for root, else
// $XDG_CONFIG_HOME/nightsafe (~/.config/nightsafe).
std::string ConfigDirectory();
// The agent's state: $NIGHTSAFE_STATE_DIR, else /var/lib/nightsafe for root,
// else $XDG_STATE_HOME/nightsafe (~/.local/state/nightsafe).
std::string StateDirectory();
// The admin's own keys: $NIGHTSAFE_ADMIN_DIR, else nightsafe-admin beside a
// user's ConfigDirectory (root: /root/.config/nightsafe-admin).
std::string AdminDirectory();

}  // namespace nightsafe
