// Flags that stand for settings of nightsafed.yaml.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "server/config.h"

namespace nightsafe {

struct ConfigFlags {
  std::optional<std::string> listen;
  std::optional<std::string> enrol_listen;
  std::optional<std::string> metrics_listen;
  std::optional<std::string> admin_socket;
  std::optional<std::string> admin_listen;
  std::optional<std::string> address;
  std::optional<std::string> enrol_address;

  void AddTo(CLI::App& command);
  // Given flags override `config`.
  void Apply(ServerConfig& config) const;
};

}  // namespace nightsafe
