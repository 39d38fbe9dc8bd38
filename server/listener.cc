#include "server/listener.h"

#include <google/protobuf/descriptor.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"
#include "common/pki/pki.h"

namespace nightsafe {
namespace {

void SetLimits(grpc::ServerBuilder& builder, const ListenerLimits& limits) {
  grpc::ResourceQuota quota;
  quota.SetMaxThreads(limits.threads);
  quota.Resize(limits.memory_bytes);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits.receive_bytes));
  builder.SetMaxSendMessageSize(static_cast<int>(kMaxMessageBytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 8 << 10);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 32);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  // Without a call; a peer that comes back dials again.
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 300'000);
  // A peer that is gone without a word is noticed within a minute.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  // A client pings every minute; one that does it all the time is cut off.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  // Handshakes are made anew, so that a connection cannot outlive what it was
  // accepted for; sessions go on over the next one.
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, 12 * 3'600'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 3'600'000);
  // A second server on the same port would take half of the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(
    const std::string& address,
    const std::shared_ptr<grpc::ServerCredentials>& credentials,
    const std::shared_ptr<const Authorizer>& authorizer,
    const std::vector<grpc::Service*>& services, const ListenerLimits& limits) {
  NS_CHECK(authorizer != nullptr);
  const auto processor = std::make_shared<AuthProcessor>(authorizer);
  credentials->SetAuthMetadataProcessor(processor);
  std::unique_ptr<Listener> listener(new Listener(processor));
  grpc::ServerBuilder builder;
  SetLimits(builder, limits);
  builder.AddListeningPort(address, credentials, &listener->port_);
  for (grpc::Service* service : services) builder.RegisterService(service);
  listener->server_ = builder.BuildAndStart();
  if (listener->server_ == nullptr || listener->port_ == 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", address,
        "; does the address belong to this machine, and is nothing else "
        "listening there?"));
  }
  return listener;
}

Listener::~Listener() { Shutdown(absl::InfinitePast()); }

void Listener::Shutdown(absl::Time deadline) {
  if (server_ == nullptr) return;
  server_->Shutdown(absl::ToChronoTime(deadline));
  server_->Wait();
  processor_->Close();
  server_ = nullptr;
}

absl::StatusOr<std::shared_ptr<const Authorizer>> MakeAuthorizer(
    const std::vector<std::string>& services,
    std::unique_ptr<IdentitySource> identity, Counters& counters) {
  std::vector<const google::protobuf::ServiceDescriptor*> descriptors;
  for (const std::string& name : services) {
    const auto* descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
            name);
    NS_CHECK(descriptor != nullptr);
    descriptors.push_back(descriptor);
  }
  NS_ASSIGN_OR_RETURN(RoleTable table, RoleTable::Build(descriptors));
  return std::make_shared<const Authorizer>(std::move(table),
                                            std::move(identity), counters);
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> SocketCredentials(
    const std::string& path) {
  constexpr size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() > kMaxPath) {
    return absl::InvalidArgumentError(
        absl::StrCat("socket path ", path, " has ", path.size(),
                     " bytes, limit ", kMaxPath, "; choose a shorter one"));
  }
  return grpc::experimental::LocalServerCredentials(UDS);
}

std::shared_ptr<grpc::ServerCredentials> TlsCredentials(
    const Authority& authority, bool demand_certificate) {
  grpc::SslServerCredentialsOptions options(
      demand_certificate
          ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
          : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  if (demand_certificate) {
    options.pem_root_certs = DerToPem(AsBytes(authority.ca_certificate_der()));
  }
  options.pem_key_cert_pairs.push_back(
      {authority.server_key_pem(),
       DerToPem(AsBytes(authority.server_certificate_der()))});
  return grpc::SslServerCredentials(options);
}

absl::Status PrepareSocketDirectory(FileSystem& fs, const std::string& socket) {
  const std::string dir(DirectoryOf(socket));
  NS_RETURN_IF_ERROR(fs.MakeDirectory(dir, 0750));
  struct stat info {};
  if (stat(dir.c_str(), &info) != 0) {
    return absl::NotFoundError(absl::StrCat(dir, " cannot be looked at"));
  }
  if ((info.st_mode & S_IRWXO) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "directory ", dir, " of the admin socket is open to every user; ",
      "`chmod o= ", dir, "` or choose another admin_socket"));
}

}  // namespace nightsafe
