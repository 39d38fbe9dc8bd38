#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"
#include "common/order/order.h"
#include "server/authz/authority.h"
#include "server/server.h"

namespace nightsafe {
namespace {

constexpr uint64_t kMaxConfigBytes = 64 << 10;

}  // namespace

absl::StatusOr<ServerId> InitServer(FileSystem& fs, const Clock& clock,
                                    absl::string_view data,
                                    const VerifyKey& first_admin_key,
                                    const ServerConfig& config) {
  NS_RETURN_IF_ERROR(CheckConfig(config));
  const ServerId server = MakeServerId(first_admin_key);
  NS_RETURN_IF_ERROR(
      DataDirectory::Init(fs, data, server, first_admin_key, clock));
  NS_RETURN_IF_ERROR(
      Authority::Create(fs, absl::StrCat(data, "/pki"), server, clock));
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
  auto config = ParseConfig(*text);
  if (!config.ok()) return Annotate(config.status(), path);
  return config;
}

}  // namespace nightsafe
