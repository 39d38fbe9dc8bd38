#include "server/server.h"

#include <atomic>

#include "absl/strings/str_cat.h"
#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "common/retention/policy.h"
#include "server/authz/authority.h"
#include "server/authz/certificate_identity.h"
#include "server/listener.h"
#include "server/metrics/metrics_page.h"
#include "server/public_address.h"
#include "server/service/admin_service.h"
#include "server/service/admission.h"
#include "server/service/deposit_service.h"
#include "server/service/enrol_service.h"
#include "server/service/renewal_service.h"
#include "server/service/retrieve_service.h"
#include "server/vault/session_expirer.h"

namespace nightsafe {

// Destroyed from the last to the first: listeners go before what they serve.
struct Server::Parts {
  StartupReport report;
  Addresses addresses;
  DiskErrors disk_errors;
  std::unique_ptr<FileSystem> counted_fs;
  absl::Time started;
  std::unique_ptr<DataDirectory> data;
  std::unique_ptr<Authority> authority;
  std::unique_ptr<Scrubber> scrubber;
  std::unique_ptr<SessionExpirer> session_expirer;
  Counters counters;
  std::unique_ptr<StreamTable> streams;
  std::unique_ptr<StreamTable> admin_streams;  // through the network
  std::unique_ptr<Admission> admission;
  std::unique_ptr<DepositService> deposit;
  std::unique_ptr<RetrieveService> retrieve;
  std::unique_ptr<RenewalService> renewal;
  std::unique_ptr<EnrolService> enrol;
  std::unique_ptr<AdminService> admin;  // on the socket
  std::unique_ptr<AdminService> network_admin;
  std::unique_ptr<RenewalService> admin_renewal;
  std::atomic<int> admin_port = 0;
  std::unique_ptr<Listener> peer_listener;
  std::unique_ptr<Listener> enrol_listener;
  std::unique_ptr<Listener> admin_listener;
  std::unique_ptr<Listener> network_admin_listener;
  std::unique_ptr<MetricsPage> metrics;
  bool stopped = false;

  absl::Status Start(FileSystem& fs, const Clock& clock, absl::string_view path,
                     const ServerConfig& config);
  absl::Status Open(FileSystem& fs, const Clock& clock, absl::string_view path,
                    const ServerConfig& config);
  absl::Status ListenForPeers(const Clock& clock, const ServerConfig& config);
  absl::Status ListenForEnrolment(const ServerConfig& config);
  std::string AdminAddress(const ServerConfig& config) const;
  // `supervised` null: on the socket.
  std::unique_ptr<AdminService> MakeAdmin(FileSystem& fs, const Clock& clock,
                                          absl::string_view path,
                                          const ServerConfig& config,
                                          StreamTable* supervised);
  absl::Status ListenOnSocket(FileSystem& fs, const Clock& clock,
                              absl::string_view path,
                              const ServerConfig& config);
  absl::Status ListenForAdmins(FileSystem& fs, const Clock& clock,
                               absl::string_view path,
                               const ServerConfig& config);
  // Of hosts that are not revoked, or store something.
  std::vector<HostUseSample> HostUses();
  absl::Status ListenForMetrics(FileSystem& fs, const Clock& clock,
                                absl::string_view path,
                                const ServerConfig& config);
};

namespace {

// Anybody may call there: a certificate request and a token are small.
constexpr size_t kMaxEnrolMessageBytes = 64 << 10;

// The policy's where somebody set one, else the configuration's.
HostLimits LimitsFrom(const EffectivePolicy& effective,
                      const ServerConfig& config) {
  const auto is_set = [&](PolicyRule rule) {
    return effective.from[static_cast<size_t>(rule)] != PolicyScope::kDefault;
  };
  const RetentionPolicy& policy = effective.policy;
  HostLimits limits{
      .quota_bytes = config.host_quota_bytes,
      .quota_objects = config.host_quota_objects,
      .snapshots_per_day = static_cast<uint32_t>(config.snapshots_per_day),
      .commits_per_day = config.commits_per_day,
      .manifest_bytes_per_day = config.manifest_bytes_per_day,
      .sets = config.sets_per_host};
  if (is_set(PolicyRule::kQuotaBytes)) limits.quota_bytes = policy.quota_bytes;
  if (is_set(PolicyRule::kQuotaObjects)) {
    limits.quota_objects = policy.quota_objects;
  }
  if (is_set(PolicyRule::kMaxSnapshotsPerDay)) {
    limits.snapshots_per_day = policy.max_snapshots_per_day;
  }
  return limits;
}

}  // namespace

absl::Status Server::Parts::Open(FileSystem& fs, const Clock& clock,
                                 absl::string_view path,
                                 const ServerConfig& config) {
  DataOptions options;
  options.reserve_bytes = config.reserve_bytes;
  options.reserve_share = config.reserve_share;
  options.data_pack_bytes = config.pack_bytes;
  options.node_pack_bytes = config.pack_bytes / 4;
  started = clock.Now();
  NS_ASSIGN_OR_RETURN(data,
                      DataDirectory::Open(fs, path, clock, options, report));
  NS_ASSIGN_OR_RETURN(authority,
                      Authority::Open(fs, absl::StrCat(path, "/pki"),
                                      data->registry().server_id(), clock));
  scrubber = std::make_unique<Scrubber>(
      *data, clock,
      ScrubSchedule{.interval = config.scrub_interval,
                    .bytes_per_second = config.scrub_bytes_per_second});
  session_expirer =
      std::make_unique<SessionExpirer>(*data, clock, config.session_expiry);
  for (Vault* vault : data->Vaults()) {
    for (const SetSummary& set : vault->Sets()) {
      counters.NoteCommit({vault->registration().name, set.host, set.set},
                          set.last_received);
    }
  }
  return absl::OkStatus();
}

absl::Status Server::Parts::ListenForPeers(const Clock& clock,
                                           const ServerConfig& config) {
  NS_ASSIGN_OR_RETURN(
      std::shared_ptr<const Authorizer> authorizer,
      MakeAuthorizer(
          {v1::Deposit::service_full_name(), v1::Retrieve::service_full_name(),
           v1::Renewal::service_full_name()},
          std::make_unique<CertificateIdentity>(
              data->registry(), clock,
              std::set<v1::Role>{v1::HOST, v1::READER}),
          counters));
  StreamLimits limits;
  limits.idle = config.idle_timeout;
  limits.sessions_per_host = static_cast<size_t>(config.sessions_per_host);
  streams = std::make_unique<StreamTable>(authorizer, data->registry(), clock,
                                          limits);
  admission = std::make_unique<Admission>(
      [config](Vault& vault, absl::string_view host, absl::string_view set,
               absl::Time now) {
        return LimitsFrom(vault.PolicyOf(host, set, now), config);
      },
      clock);
  deposit =
      std::make_unique<DepositService>(*data, *streams, *admission, counters);
  retrieve =
      std::make_unique<RetrieveService>(*data, authorizer, streams.get());
  renewal = std::make_unique<RenewalService>(data->registry(), *authority,
                                             authorizer);
  NS_ASSIGN_OR_RETURN(
      peer_listener,
      Listener::Start(config.listen, TlsCredentials(*authority, true),
                      authorizer,
                      {deposit.get(), retrieve.get(), renewal.get()},
                      {.threads = config.max_threads}));
  addresses.deposit = Bound(config.listen, peer_listener->port());
  addresses.public_deposit = PublicAddress(config.address, addresses.deposit);
  return absl::OkStatus();
}

absl::Status Server::Parts::ListenForEnrolment(const ServerConfig& config) {
  NS_ASSIGN_OR_RETURN(std::shared_ptr<const Authorizer> authorizer,
                      MakeAuthorizer({v1::Enrol::service_full_name()},
                                     std::make_unique<FixedIdentity>(
                                         Principal{.role = v1::ENROLLEE}),
                                     counters));
  enrol = std::make_unique<EnrolService>(data->registry(), *authority);
  NS_ASSIGN_OR_RETURN(
      enrol_listener,
      Listener::Start(config.enrol_listen, TlsCredentials(*authority, false),
                      authorizer, {enrol.get()},
                      {.threads = config.max_threads,
                       .receive_bytes = kMaxEnrolMessageBytes}));
  addresses.enrol = Bound(config.enrol_listen, enrol_listener->port());
  addresses.public_enrol = PublicAddress(config.enrol_address, addresses.enrol);
  return absl::OkStatus();
}

std::string Server::Parts::AdminAddress(const ServerConfig& config) const {
  if (config.admin_listen.empty()) return "";
  return AddressOfPort(config.address, Bound(config.admin_listen, admin_port));
}

std::unique_ptr<AdminService> Server::Parts::MakeAdmin(
    FileSystem& fs, const Clock& clock, absl::string_view path,
    const ServerConfig& config, StreamTable* supervised) {
  return std::make_unique<AdminService>(
      ServerDescription{
          .ca_certificate_der = authority->ca_certificate_der(),
          .server_address = addresses.public_deposit,
          .enrol_address = addresses.public_enrol,
          .admin_address = [this, config] { return AdminAddress(config); },
          .version = std::string(kVersion)},
      StatusSources{.data = *data,
                    .scrubber = *scrubber,
                    .clock = clock,
                    .report = report,
                    .version = std::string(kVersion),
                    .started = started,
                    .reserve_bytes = config.reserve_bytes,
                    .reserve_share = config.reserve_share,
                    .open_streams = [this] { return streams->open_streams(); },
                    .use_of =
                        [this](Vault& vault, const HostRegistration& host) {
                          return admission->UseOf(vault, host);
                        },
                    .space = [&fs, path = std::string(
                                       path)]() -> std::optional<SpaceInfo> {
                      const auto space = fs.Space(path);
                      if (!space.ok()) return std::nullopt;
                      return *space;
                    }},
      *authority, supervised);
}

absl::Status Server::Parts::ListenOnSocket(FileSystem& fs, const Clock& clock,
                                           absl::string_view path,
                                           const ServerConfig& config) {
  addresses.admin_socket = config.admin_socket.empty()
                               ? absl::StrCat(path, "/admin/admin.sock")
                               : config.admin_socket;
  NS_ASSIGN_OR_RETURN(std::shared_ptr<grpc::ServerCredentials> credentials,
                      SocketCredentials(addresses.admin_socket));
  NS_RETURN_IF_ERROR(PrepareSocketDirectory(fs, addresses.admin_socket));
  NS_ASSIGN_OR_RETURN(std::shared_ptr<const Authorizer> authorizer,
                      MakeAuthorizer({v1::Admin::service_full_name()},
                                     std::make_unique<FixedIdentity>(
                                         Principal{.role = v1::ADMIN}),
                                     counters));
  admin = MakeAdmin(fs, clock, path, config, nullptr);
  NS_ASSIGN_OR_RETURN(
      admin_listener,
      Listener::Start(absl::StrCat("unix:", addresses.admin_socket),
                      credentials, authorizer, {admin.get()},
                      {.threads = config.max_threads}));
  return absl::OkStatus();
}

absl::Status Server::Parts::ListenForAdmins(FileSystem& fs, const Clock& clock,
                                            absl::string_view path,
                                            const ServerConfig& config) {
  if (config.admin_listen.empty()) return absl::OkStatus();
  NS_ASSIGN_OR_RETURN(
      std::shared_ptr<const Authorizer> authorizer,
      MakeAuthorizer(
          {v1::Admin::service_full_name(), v1::Renewal::service_full_name()},
          std::make_unique<CertificateIdentity>(data->registry(), clock,
                                                std::set<v1::Role>{v1::ADMIN}),
          counters));
  StreamLimits limits;
  limits.idle = config.idle_timeout;
  limits.age = absl::InfiniteDuration();  // a scrub takes what it takes
  admin_streams = std::make_unique<StreamTable>(authorizer, data->registry(),
                                                clock, limits);
  network_admin = MakeAdmin(fs, clock, path, config, admin_streams.get());
  admin_renewal = std::make_unique<RenewalService>(data->registry(), *authority,
                                                   authorizer);
  NS_ASSIGN_OR_RETURN(
      network_admin_listener,
      Listener::Start(config.admin_listen, TlsCredentials(*authority, true),
                      authorizer, {network_admin.get(), admin_renewal.get()},
                      {.threads = config.max_threads}));
  admin_port = network_admin_listener->port();
  addresses.admin = Bound(config.admin_listen, admin_port);
  return absl::OkStatus();
}

std::vector<HostUseSample> Server::Parts::HostUses() {
  std::vector<HostUseSample> samples;
  for (const HostRegistration& host : data->registry().Hosts()) {
    const auto vault = data->FindVault(host.vault);
    if (!vault.ok()) continue;
    const auto use = admission->UseOf(**vault, host);
    if (!use.ok() || (host.revoked && use->objects == 0)) continue;
    samples.push_back({.vault = host.vault,
                       .host = host.name,
                       .objects = use->objects,
                       .charged_bytes = use->charged_bytes,
                       .quota_bytes = use->limits.quota_bytes,
                       .quota_objects = use->limits.quota_objects});
  }
  return samples;
}

absl::Status Server::Parts::ListenForMetrics(FileSystem& fs, const Clock& clock,
                                             absl::string_view path,
                                             const ServerConfig& config) {
  if (config.metrics_listen.empty()) return absl::OkStatus();
  MetricsSources sources;
  sources.own_certificates = {
      {"ca", authority->ca_expires()},
      {"server", authority->server_certificate_expires()}};
  sources.started = started;
  sources.disk_errors = &disk_errors;
  sources.scrubber = scrubber.get();
  sources.version = std::string(kVersion);
  sources.open_streams = [this] { return streams->open_streams(); };
  sources.space = [&fs, path = std::string(path)]() {
    const auto space = fs.Space(path);
    return space.ok() ? std::optional(*space) : std::nullopt;
  };
  sources.reserve_bytes = config.reserve_bytes;
  sources.reserve_share = config.reserve_share;
  sources.host_use = [this] { return HostUses(); };
  sources.expected_interval = [this](Vault& vault, const SetSummary& set,
                                     absl::Time now) {
    const auto host =
        data->registry().FindHost(vault.registration().name, set.host);
    if (!host.ok() || host->revoked) return absl::ZeroDuration();
    return vault.PolicyOf(set.host, set.set, now).policy.expected_interval;
  };
  sources.clock = &clock;
  sources.scrub_interval = config.scrub_interval;
  NS_ASSIGN_OR_RETURN(metrics,
                      MetricsPage::Start(config.metrics_listen, *data, counters,
                                         std::move(sources)));
  addresses.metrics = Bound(config.metrics_listen, metrics->port());
  return absl::OkStatus();
}

absl::Status Server::Parts::Start(FileSystem& fs, const Clock& clock,
                                  absl::string_view path,
                                  const ServerConfig& config) {
  NS_RETURN_IF_ERROR(Open(fs, clock, path, config));
  NS_KILL_POINT("startup.data-open");
  NS_RETURN_IF_ERROR(ListenForPeers(clock, config));
  NS_RETURN_IF_ERROR(ListenForEnrolment(config));
  NS_RETURN_IF_ERROR(ListenForAdmins(fs, clock, path, config));
  NS_RETURN_IF_ERROR(ListenOnSocket(fs, clock, path, config));
  return ListenForMetrics(fs, clock, path, config);
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    FileSystem& fs, const Clock& clock, absl::string_view data,
    const ServerConfig& config, StartupReport* found) {
  NS_RETURN_IF_ERROR(CheckConfig(config));
  // Its destructor closes cleanly what was opened before an error.
  std::unique_ptr<Server> server(new Server(std::make_unique<Parts>()));
  Parts& parts = *server->parts_;
  parts.counted_fs = CountDiskErrors(fs, parts.disk_errors);
  const absl::Status status =
      parts.Start(*parts.counted_fs, clock, data, config);
  if (found != nullptr) *found = parts.report;
  NS_RETURN_IF_ERROR(status);
  return server;
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() { Shutdown().IgnoreError(); }

const Server::Addresses& Server::addresses() const { return parts_->addresses; }
const StartupReport& Server::startup_report() const { return parts_->report; }
DataDirectory& Server::data() { return *parts_->data; }

absl::Status Server::Shutdown(absl::Duration grace) {
  if (parts_->stopped) return absl::OkStatus();
  parts_->stopped = true;
  const absl::Time deadline = absl::Now() + grace;
  parts_->metrics = nullptr;
  if (parts_->scrubber != nullptr) parts_->scrubber->Stop();
  if (parts_->session_expirer != nullptr) parts_->session_expirer->Stop();
  for (auto* streams : {&parts_->streams, &parts_->admin_streams}) {
    if (*streams != nullptr) (*streams)->Stop();
  }
  for (auto* listener :
       {&parts_->peer_listener, &parts_->enrol_listener,
        &parts_->admin_listener, &parts_->network_admin_listener}) {
    if (*listener != nullptr) (*listener)->Shutdown(deadline);
  }
  NS_KILL_POINT("shutdown.stopped-listening");
  parts_->streams = nullptr;
  parts_->admin_streams = nullptr;
  return parts_->data == nullptr ? absl::OkStatus() : parts_->data->Close();
}

}  // namespace nightsafe
