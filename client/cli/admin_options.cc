#include "client/cli/admin_options.h"

#include <cstdio>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "client/admin/admin_access.h"
#include "client/terminal/places.h"
#include "common/base/status.h"
#include "common/crypto/key_file.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

constexpr size_t kMaxKeyFileBytes = 1 << 20;

absl::StatusOr<std::string> ReadKeyFile(const std::string& path) {
  return ReadWholeFile(*NewPosixFileSystem(), path, kMaxKeyFileBytes);
}

}  // namespace

void AdminOptions::AddTo(CLI::App* app) {
  const char* set = std::getenv("NIGHTSAFE_ADMIN_SERVER");
  server = set != nullptr ? set : std::string("unix:") + kDefaultAdminSocket;
  server_named = set != nullptr;
  directory = AdminDirectory();
  app->add_option("--server", server,
                  "admin socket: unix:PATH or ssh://[USER@]HOST[:PORT][/PATH]; "
                  "with a credential, HOST:PORT")
      ->capture_default_str()
      ->each([this](const std::string&) { server_named = true; });
  app->add_option("--credential", credential,
                  "what `admin add` wrote, for HOST:PORT; without --server it "
                  "says where the server is")
      ->envname("NIGHTSAFE_ADMIN_CREDENTIAL");
  app->add_option("--admin-dir", directory, "where your admin keys are")
      ->capture_default_str();
  passphrase.AddOptions(app);
}

absl::StatusOr<std::unique_ptr<ServerLink>> AdminOptions::Connect() const {
  if (credential.empty() && IsNetworkAddress(server)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--server ", server, " needs --credential FILE, which ",
                     "`nightsafe-admin admin add` makes"));
  }
  if (credential.empty() || (server_named && !IsNetworkAddress(server))) {
    return ServerLink::Open(server);
  }
  const std::string address = server_named ? server : "";
  const auto fs = NewPosixFileSystem();
  NS_ASSIGN_OR_RETURN(AdminCredential admin,
                      LoadAdminCredential(*fs, credential));
  NS_RETURN_IF_ERROR(
      AdminConnectionOptions(admin, credential, address).status());
  const absl::Status renewed =
      RenewAdminIfDue(*fs, credential, address, absl::Now(), admin);
  if (!renewed.ok()) {
    std::fprintf(stderr,
                 "note: the certificate in %s could not be renewed: %s; the "
                 "next command tries again\n",
                 credential.c_str(), std::string(renewed.message()).c_str());
  }
  NS_ASSIGN_OR_RETURN(ConnectionOptions options,
                      AdminConnectionOptions(admin, credential, address));
  return ServerLink::Open(options);
}

absl::StatusOr<SigningKey> AdminOptions::LoadAdminKey(
    const std::string& file) const {
  const std::string path = file.empty() ? directory + "/admin.key" : file;
  NS_ASSIGN_OR_RETURN(std::string text, ReadKeyFile(path));
  NS_ASSIGN_OR_RETURN(std::string secret,
                      passphrase.Ask("passphrase of " + path));
  absl::StatusOr<SigningKey> key = DecodeAdminKeyFile(text, secret);
  EraseString(secret);
  if (!key.ok()) return Annotate(key.status(), path);
  return key;
}

absl::StatusOr<EnrolKey> AdminOptions::LoadEnrolKey(
    const std::string& file, const std::string& vault) const {
  const std::string path =
      file.empty() ? directory + "/enrol-" + vault + ".key" : file;
  NS_ASSIGN_OR_RETURN(std::string text, ReadKeyFile(path));
  NS_ASSIGN_OR_RETURN(std::string secret,
                      passphrase.Ask("passphrase of " + path));
  absl::StatusOr<EnrolKey> key = DecodeEnrolKeyFile(text, secret);
  EraseString(secret);
  if (!key.ok()) return Annotate(key.status(), path);
  return key;
}

absl::StatusOr<absl::Duration> ParseSpan(const std::string& text) {
  absl::Duration span;
  int64_t days = 0;
  if (!text.empty() && text.back() == 'd' &&
      absl::SimpleAtoi(text.substr(0, text.size() - 1), &days)) {
    span = absl::Hours(24) * days;
  } else if (!absl::ParseDuration(text, &span)) {
    span = absl::ZeroDuration();
  }
  if (span > absl::ZeroDuration() && span < absl::Hours(24 * 3650)) return span;
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", text, "\" is not a span of time such as 90m, 24h or 7d"));
}

}  // namespace nightsafe
