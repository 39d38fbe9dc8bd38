// Waiting for the order to stop.
#pragma once

namespace nightsafe {

// Before any thread is started: SIGINT and SIGTERM wait for WaitForStop, and a
// vanished peer is an error of its call, not the end of the program.
void BlockStopSignals();
// Returns at the first SIGINT or SIGTERM. A second one then ends the program
// at once.
void WaitForStop();

}  // namespace nightsafe
