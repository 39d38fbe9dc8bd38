// How a command joins a program: it declares its options on a subcommand and
// leaves a function to run once the whole command line was parsed.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "client/terminal/exit_code.h"

namespace nightsafe {

using CommandRun = std::function<absl::StatusOr<ExitCode>()>;

// The commands of one program. `Add`ed functions outlive parsing.
class Program {
 public:
  Program(std::string description, std::string name);

  CLI::App& app() { return app_; }
  // A command below the program, or below `parent`.
  CLI::App* AddCommand(const std::string& name, const std::string& help,
                       CLI::App* parent = nullptr);
  // What to do when `command` was named.
  void OnRun(CLI::App* command, CommandRun run);

  // Parses, runs, prints an error to stderr; the exit code.
  int Main(int argc, char** argv);

 private:
  CLI::App app_;
  CommandRun selected_;
};

}  // namespace nightsafe
