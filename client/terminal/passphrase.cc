#include "client/terminal/passphrase.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

constexpr size_t kMaxPassphraseBytes = 4096;
constexpr size_t kMinChosenBytes = 8;

// One line from the terminal, not shown.
absl::StatusOr<std::string> Prompt(absl::string_view prompt) {
  const int tty = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (tty < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("no terminal to ask for the ", prompt,
                     ": use --passphrase-file or the environment variable "
                     "NIGHTSAFE_PASSPHRASE"));
  }
  termios before{};
  ::tcgetattr(tty, &before);
  termios silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(tty, TCSAFLUSH, &silent);
  const std::string text = absl::StrCat(prompt, ": ");
  std::string line;
  if (::write(tty, text.data(), text.size()) > 0) {
    char c = 0;
    while (line.size() < kMaxPassphraseBytes && ::read(tty, &c, 1) == 1 &&
           c != '\n') {
      line.push_back(c);
    }
  }
  ::tcsetattr(tty, TCSAFLUSH, &before);
  if (::write(tty, "\n", 1) < 0) line.clear();
  ::close(tty);
  return line;
}

}  // namespace

void PassphraseSource::AddOptions(CLI::App* command,
                                  const std::string& prefix) {
  prefix_ = prefix;
  command
      ->add_option("--" + prefix + "passphrase-file", file_,
                   "file whose first line is the passphrase")
      ->type_name("FILE");
}

absl::StatusOr<std::string> PassphraseSource::FromFileOrEnvironment(
    bool& found) const {
  found = true;
  if (!file_.empty()) {
    std::unique_ptr<FileSystem> fs = NewPosixFileSystem();
    NS_ASSIGN_OR_RETURN(std::string text,
                        ReadWholeFile(*fs, file_, kMaxPassphraseBytes));
    return text.substr(0, text.find('\n'));
  }
  const std::string variable = absl::StrCat(
      "NIGHTSAFE_",
      absl::AsciiStrToUpper(absl::StrReplaceAll(prefix_, {{"-", "_"}})),
      "PASSPHRASE");
  if (const char* value = std::getenv(variable.c_str())) return value;
  if (const char* value = std::getenv("NIGHTSAFE_PASSPHRASE")) return value;
  found = false;
  return std::string();
}

absl::StatusOr<std::string> PassphraseSource::Ask(
    absl::string_view prompt) const {
  bool found = false;
  NS_ASSIGN_OR_RETURN(std::string passphrase, FromFileOrEnvironment(found));
  if (found) return passphrase;
  return Prompt(prompt);
}

absl::StatusOr<std::string> PassphraseSource::Choose(
    absl::string_view prompt) const {
  bool found = false;
  NS_ASSIGN_OR_RETURN(std::string passphrase, FromFileOrEnvironment(found));
  if (!found) {
    NS_ASSIGN_OR_RETURN(passphrase, Prompt(prompt));
    NS_ASSIGN_OR_RETURN(std::string again, Prompt("once more"));
    if (again != passphrase) {
      return absl::InvalidArgumentError("the two passphrases differ");
    }
  }
  if (passphrase.size() < kMinChosenBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the passphrase has ", passphrase.size(),
                     " characters, at least ", kMinChosenBytes, " are needed"));
  }
  return passphrase;
}

}  // namespace nightsafe
