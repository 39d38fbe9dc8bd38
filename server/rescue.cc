#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "server/listener.h"
#include "server/server.h"
#include "server/service/retrieve_service.h"

namespace nightsafe {
namespace {

constexpr int kThreads = 64;

}  // namespace

struct RescueServer::Parts {
  StartupReport report;
  Counters counters;
  std::unique_ptr<DataDirectory> data;
  std::unique_ptr<RetrieveService> retrieve;
  std::unique_ptr<Listener> listener;
};

absl::StatusOr<std::unique_ptr<RescueServer>> RescueServer::Start(
    FileSystem& fs, const Clock& clock, absl::string_view data,
    const std::string& socket) {
  auto parts = std::make_unique<Parts>();
  NS_ASSIGN_OR_RETURN(std::shared_ptr<grpc::ServerCredentials> credentials,
                      SocketCredentials(socket));
  NS_ASSIGN_OR_RETURN(parts->data, DataDirectory::OpenForRescue(fs, data, clock,
                                                                parts->report));
  NS_ASSIGN_OR_RETURN(
      std::shared_ptr<const Authorizer> authorizer,
      MakeAuthorizer({v1::Retrieve::service_full_name()},
                     std::make_unique<FixedIdentity>(
                         Principal{.role = v1::READER, .all_vaults = true}),
                     parts->counters));
  parts->retrieve =
      std::make_unique<RetrieveService>(*parts->data, authorizer, nullptr);
  NS_ASSIGN_OR_RETURN(
      parts->listener,
      Listener::Start(absl::StrCat("unix:", socket), credentials, authorizer,
                      {parts->retrieve.get()}, {.threads = kThreads}));
  return std::unique_ptr<RescueServer>(new RescueServer(std::move(parts)));
}

RescueServer::RescueServer(std::unique_ptr<Parts> parts)
    : parts_(std::move(parts)) {}
RescueServer::~RescueServer() = default;

const StartupReport& RescueServer::startup_report() const {
  return parts_->report;
}
DataDirectory& RescueServer::data() { return *parts_->data; }
void RescueServer::Shutdown() { parts_->listener = nullptr; }

}  // namespace nightsafe
