#include "client/terminal/places.h"

#include <unistd.h>

#include <cstdlib>

namespace nightsafe {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string BelowHome(const char* variable, const std::string& otherwise) {
  const std::string base = Variable(variable);
  if (!base.empty()) return base;
  std::string home = Variable("HOME");
  if (home.empty()) home = "/root";
  return home + otherwise;
}

}  // namespace

std::string ConfigDirectory() {
  const std::string set = Variable("NIGHTSAFE_CONFIG_DIR");
  if (!set.empty()) return set;
  if (::geteuid() == 0) return "/etc/nightsafe";
  return BelowHome("XDG_CONFIG_HOME", "/.config") + "/nightsafe";
}

std::string StateDirectory() {
  const std::string set = Variable("NIGHTSAFE_STATE_DIR");
  if (!set.empty()) return set;
  if (::geteuid() == 0) return "/var/lib/nightsafe";
  return BelowHome("XDG_STATE_HOME", "/.local/state") + "/nightsafe";
}

std::string AdminDirectory() {
  const std::string set = Variable("NIGHTSAFE_ADMIN_DIR");
  if (!set.empty()) return set;
  return BelowHome("XDG_CONFIG_HOME", "/.config") + "/nightsafe-admin";
}

}  // namespace nightsafe
