// What a start found, for a person.
#pragma once

#include "server/vault/data_directory.h"

namespace nightsafe {

// On standard error; nothing after a clean stop without losses.
void PrintStartupReport(const StartupReport& report);

}  // namespace nightsafe
