#include "client/terminal/command.h"

#include <csignal>
#include <cstdio>

namespace nightsafe {

Program::Program(std::string description, std::string name)
    : app_(std::move(description), std::move(name)) {
  app_.require_subcommand(1);
  app_.set_version_flag("--version",
                        std::string("nightsafe ") + NIGHTSAFE_VERSION);
  app_.failure_message(CLI::FailureMessage::simple);
}

CLI::App* Program::AddCommand(const std::string& name, const std::string& help,
                              CLI::App* parent) {
  CLI::App* command =
      (parent != nullptr ? parent : &app_)->add_subcommand(name, help);
  command->failure_message(CLI::FailureMessage::simple);
  command->fallthrough();  // the program's options may come behind a command
  return command;
}

void Program::OnRun(CLI::App* command, CommandRun run) {
  command->callback([this, run = std::move(run)] { selected_ = run; });
}

int Program::Main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  if (!selected_) {
    std::fputs(app_.help().c_str(), stderr);
    return kExitUsage;
  }
  absl::StatusOr<ExitCode> result = selected_();
  std::fflush(stdout);
  if (result.ok()) return *result;
  const std::string message(result.status().message());
  std::fprintf(stderr, "%s: %s\n", app_.get_name().c_str(), message.c_str());
  return ExitCodeOf(result.status());
}

}  // namespace nightsafe
