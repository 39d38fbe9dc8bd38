// Where passphrases come from: a file, an environment variable, a prompt.
// Never a command-line argument.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nightsafe {

class PassphraseSource {
 public:
  // Adds --<prefix>passphrase-file. The environment variable is NIGHTSAFE_ with
  // the prefix in capitals and PASSPHRASE: "admin-" ->
  // NIGHTSAFE_ADMIN_PASSPHRASE; plain NIGHTSAFE_PASSPHRASE serves where that is
  // not set.
  void AddOptions(CLI::App* command, const std::string& prefix = "");

  // The passphrase of something that exists. FAILED_PRECONDITION without a
  // terminal and without the other two, naming them.
  absl::StatusOr<std::string> Ask(absl::string_view prompt) const;
  // One that is being chosen: prompts twice; at least 8 characters.
  absl::StatusOr<std::string> Choose(absl::string_view prompt) const;

 private:
  absl::StatusOr<std::string> FromFileOrEnvironment(bool& found) const;
  std::string prefix_;
  std::string file_;
};

}  // namespace nightsafe
