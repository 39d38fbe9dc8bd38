#include <iostream>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/crypto/key_file.h"
#include "common/io/durable_file.h"
#include "server/cli/command.h"
#include "server/cli/config_flags.h"
#include "server/server.h"

namespace nightsafe {
namespace {

constexpr uint64_t kMaxKeyFileBytes = 64 << 10;

struct InitOptions {
  std::string data;
  std::string admin_key;
  ConfigFlags config;
};

absl::StatusOr<VerifyKey> AdminKeyFromText(absl::string_view text) {
  const absl::string_view line = absl::StripAsciiWhitespace(text);
  auto key = VerifyKey::FromHex(line);
  if (key.ok()) return key;
  const auto summary = DescribeKeyFile(text);
  if (summary.ok() && summary->kind == v1::format::KeyFile::ADMIN) {
    return VerifyKey::FromBytes(AsBytes(summary->public_key));
  }
  return absl::InvalidArgumentError(
      "neither 64 hex digits nor an admin key file");
}

absl::StatusOr<VerifyKey> ReadAdminKey(FileSystem& fs,
                                       const std::string& argument) {
  auto direct = VerifyKey::FromHex(argument);
  if (direct.ok()) return direct;
  NS_ASSIGN_OR_RETURN(std::string text,
                      ReadWholeFile(fs, argument, kMaxKeyFileBytes));
  auto key = AdminKeyFromText(text);
  if (!key.ok()) return Annotate(key.status(), argument);
  return key;
}

absl::Status Init(const InitOptions& options) {
  const auto fs = NewPosixFileSystem();
  const SystemClock clock;
  NS_ASSIGN_OR_RETURN(VerifyKey admin_key,
                      ReadAdminKey(*fs, options.admin_key));
  ServerConfig config;
  options.config.Apply(config);
  NS_ASSIGN_OR_RETURN(ServerId server,
                      InitServer(*fs, clock, options.data, admin_key, config));
  std::cout << "server id " << server.Hex() << "\n";
  std::cerr << options.data << " is ready; settings are in " << options.data
            << "/" << kConfigFile << "; start with `nightsafed serve "
            << options.data << "`\n";
  return absl::OkStatus();
}

}  // namespace

void AddInit(CLI::App& app, Run& run) {
  auto options = std::make_shared<InitOptions>();
  CLI::App* command = app.add_subcommand(
      "init", "Make a data directory with its keys and settings.");
  command->add_option("DATA", options->data, "new or empty directory")
      ->required();
  command
      ->add_option("--admin-key", options->admin_key,
                   "public key of the first admin: a file, or 64 hex digits")
      ->required()
      ->type_name("FILE|HEX");
  options->config.AddTo(*command);
  command->callback(
      [&run, options] { run = [options] { return Init(*options); }; });
}

}  // namespace nightsafe
