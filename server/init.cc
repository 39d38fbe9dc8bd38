#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"
#include "common/order/order.h"
#include "server/authz/authority.h"
#include "server/server.h"

namespace nightsafe {
namespace {

constexpr uint64_t kMaxConfigBytes = 64 << 10;

// What a whole init makes.
bool IsOfInit(absl::string_view name) {
  for (absl::string_view ours :
       {"LOCK", "VERSION", "server", "vaults", "index", "pki"}) {
    if (name == ours) return true;
  }
  return absl::StrContains(name, ".tmp.");
}

// Of a directory that is not empty: whether an init ended early there, and how
// to begin again. It is for a person to remove anything.
absl::Status ExplainNotEmpty(FileSystem& fs, absl::string_view data,
                             const absl::Status& status) {
  NS_ASSIGN_OR_RETURN(std::vector<std::string> names, fs.List(data));
  // What is made last.
  if (std::find(names.begin(), names.end(), kConfigFile) != names.end()) {
    return absl::AlreadyExistsError(
        absl::StrCat(data, " is a data directory already; start it with `",
                     "nightsafed serve ", data, "`"));
  }
  if (!std::all_of(names.begin(), names.end(), IsOfInit)) return status;
  const auto vaults = fs.List(absl::StrCat(data, "/vaults"));
  if (!absl::IsNotFound(vaults.status()) &&
      (!vaults.ok() || !vaults->empty())) {
    return status;
  }
  std::string command = "rm -r";
  for (const std::string& name : names) {
    absl::StrAppend(&command, " '", data, "/", name, "'");
  }
  return absl::AlreadyExistsError(absl::StrCat(
      data, " is what an interrupted `nightsafed init` left, without a ",
      kConfigFile, " or a vault; remove that, then try again: ", command));
}

}  // namespace

absl::StatusOr<ServerId> InitServer(FileSystem& fs, const Clock& clock,
                                    absl::string_view data,
                                    const VerifyKey& first_admin_key,
                                    const ServerConfig& config) {
  NS_RETURN_IF_ERROR(CheckConfig(config));
  const ServerId server = MakeServerId(first_admin_key);
  const absl::Status made =
      DataDirectory::Init(fs, data, server, first_admin_key, clock);
  if (absl::IsAlreadyExists(made)) return ExplainNotEmpty(fs, data, made);
  NS_RETURN_IF_ERROR(made);
  NS_KILL_POINT("init.data-made");
  NS_RETURN_IF_ERROR(
      Authority::Create(fs, absl::StrCat(data, "/pki"), server, clock));
  NS_KILL_POINT("init.keys-made");
  // Last: a directory without it was not made completely, and says so.
  NS_RETURN_IF_ERROR(CreateFileDurably(fs, absl::StrCat(data, "/", kConfigFile),
                                       AsBytes(FormatConfig(config)), 0644));
  return server;
}

absl::StatusOr<ServerConfig> LoadConfig(FileSystem& fs,
                                        absl::string_view data) {
  const std::string path = absl::StrCat(data, "/", kConfigFile);
  const auto text = ReadWholeFile(fs, path, kMaxConfigBytes);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(absl::StrCat(
        path, " does not exist; `nightsafed init ", data, "` makes it"));
  }
  if (!text.ok()) return text.status();
  // One that was cut off must not mean other addresses and limits.
  if (absl::StripAsciiWhitespace(*text).empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     " is empty: put it back, or write {} there to take every "
                     "default"));
  }
  auto config = ParseConfig(*text);
  if (config.ok()) return config;
  return absl::Status(config.status().code(),
                      absl::StrCat(path, ": ", config.status().message(),
                                   "; correct it, or put it back"));
}

}  // namespace nightsafe
