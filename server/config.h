// The settings of one server: DATA/nightsafed.yaml, read once into this.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace nightsafe {

struct ServerConfig {
  // "host:port" to listen on; port 0: any free one.
  std::string listen = "[::]:7480";
  std::string enrol_listen = "[::]:7481";
  std::string metrics_listen = "127.0.0.1:9480";  // empty: no metrics
  std::string admin_socket;  // path; empty: DATA/admin/admin.sock
  std::string admin_listen;  // for admins with a certificate; empty: off
  // "host:port" that enrolment files name; empty: this machine's name and the
  // port of listen or enrol_listen.
  std::string address;
  std::string enrol_address;
  // Deposits are refused while less than this is free: max of both.
  uint64_t reserve_bytes = uint64_t{2} << 30;
  double reserve_share = 0.03;
  // A pack of data is finished before it would pass this; one of nodes, a
  // quarter of it.
  uint64_t pack_bytes = 256 << 20;
  // A deposit stream without a message for this long is ended.
  absl::Duration idle_timeout = absl::Minutes(10);
  // A session that did not commit and has had no stream for this long is over:
  // what only it stored may be collected.
  absl::Duration session_expiry = absl::Hours(24);
  // Of one listener.
  int max_threads = 256;
  // Of one host, where no policy says otherwise; 0: without a limit. Objects
  // that are stored count, committed or not, each as 4 KiB at least.
  uint64_t host_quota_bytes = uint64_t{1} << 40;
  uint64_t host_quota_objects = 20'000'000;
  uint64_t snapshots_per_day = 48;  // of one set that is not keyed
  // Of one host, keyed sets included: manifests stay in the journal and in
  // memory. 0: without a limit.
  uint64_t commits_per_day = 20'000;
  uint64_t manifest_bytes_per_day = 32 << 20;
  uint64_t sets_per_host = 1'000;  // that it ever committed to
  int sessions_per_host = 4;       // at a time
  // How often everything stored is read and checked; zero: only when asked.
  absl::Duration scrub_interval = absl::Hours(7 * 24);
  uint64_t scrub_bytes_per_second = 50'000'000;  // 0: without a limit
};

inline constexpr absl::string_view kConfigFile = "nightsafed.yaml";

inline constexpr uint64_t kMinConfiguredPackBytes = 1 << 20;

// INVALID_ARGUMENT names the key, what was found and what is allowed; unknown
// keys are errors too.
absl::StatusOr<ServerConfig> ParseConfig(absl::string_view yaml);
// The file `init` writes: every key with its meaning.
std::string FormatConfig(const ServerConfig& config);
absl::Status CheckConfig(const ServerConfig& config);

struct HostPort {
  std::string host;  // without brackets
  int port = 0;
};
// "host:port" or "[v6]:port"; INVALID_ARGUMENT.
absl::StatusOr<HostPort> ParseHostPort(absl::string_view address);
std::string FormatHostPort(absl::string_view host, int port);

}  // namespace nightsafe
