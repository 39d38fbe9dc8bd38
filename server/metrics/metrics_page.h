// The metrics page: plain HTTP for Prometheus, on loopback.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/io/file_system.h"
#include "server/metrics/counters.h"
#include "server/metrics/disk_errors.h"
#include "server/vault/data_directory.h"
#include "server/vault/scrubber.h"

namespace nightsafe {

// What one host stores and may store; limits 0: none.
struct HostUseSample {
  std::string vault;
  std::string host;
  uint64_t objects = 0;
  uint64_t charged_bytes = 0;
  uint64_t quota_bytes = 0;
  uint64_t quota_objects = 0;
};

// What the page shows besides data directory and counters.
struct MetricsSources {
  // Role ("ca", "server") and expiry of the server's own certificates.
  std::vector<std::pair<std::string, absl::Time>> own_certificates;
  absl::Time started;
  std::string version;
  std::function<uint64_t()> open_streams;
  // Nothing if the disk cannot be asked.
  std::function<std::optional<SpaceInfo>()> space;
  uint64_t reserve_bytes = 0;
  double reserve_share = 0;
  std::function<std::vector<HostUseSample>()> host_use;
  // Between two snapshots of a set; zero: none is expected.
  std::function<absl::Duration(Vault&, const SetSummary&, absl::Time now)>
      expected_interval;
  const Clock* clock = nullptr;
  absl::Duration scrub_interval;  // zero: only when asked
  const DiskErrors* disk_errors = nullptr;
  const Scrubber* scrubber = nullptr;
};

// Serves until destroyed; figures are taken when the page is asked for. Borrows
// data and counters.
class MetricsPage {
 public:
  // UNAVAILABLE if `address` ("host:port") cannot be bound.
  static absl::StatusOr<std::unique_ptr<MetricsPage>> Start(
      const std::string& address, DataDirectory& data, const Counters& counters,
      MetricsSources sources);
  ~MetricsPage();

  int port() const;

 private:
  struct Parts;
  explicit MetricsPage(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace nightsafe
