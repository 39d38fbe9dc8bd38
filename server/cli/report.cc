#include "server/cli/report.h"

#include <iostream>

namespace nightsafe {

void PrintStartupReport(const StartupReport& report) {
  if (!report.clean) {
    std::cerr << "the last run did not stop cleanly: " << report.packs_recovered
              << " packs with " << report.objects_recovered
              << " objects were verified and recovered\n";
  }
  for (const std::string& loss : report.losses) {
    std::cerr << "LOST: " << loss << "\n";
  }
  for (const std::string& note : report.notes) std::cerr << note << "\n";
}

}  // namespace nightsafe
