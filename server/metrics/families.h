// The figures of the server as Prometheus families.
#pragma once

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>

#include <vector>

#include "server/metrics/metrics_page.h"

namespace nightsafe {

// Collects anew at each request. Borrows data and counters. Thread-safe.
class ServerFamilies final : public prometheus::Collectable {
 public:
  ServerFamilies(DataDirectory& data, const Counters& counters,
                 MetricsSources sources)
      : data_(data), counters_(counters), sources_(std::move(sources)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  void CollectServer(std::vector<prometheus::MetricFamily>& out) const;
  void CollectVaults(std::vector<prometheus::MetricFamily>& out) const;
  void CollectHealth(std::vector<prometheus::MetricFamily>& out) const;
  void CollectScrub(std::vector<prometheus::MetricFamily>& out) const;
  void CollectTraffic(const Counters::Values& values,
                      std::vector<prometheus::MetricFamily>& out) const;
  void CollectSpace(std::vector<prometheus::MetricFamily>& out) const;
  void CollectUse(std::vector<prometheus::MetricFamily>& out) const;
  void CollectIntervals(std::vector<prometheus::MetricFamily>& out) const;
  void CollectRetention(std::vector<prometheus::MetricFamily>& out) const;
  void CollectCertificates(std::vector<prometheus::MetricFamily>& out) const;

  DataDirectory& data_;
  const Counters& counters_;
  const MetricsSources sources_;
};

}  // namespace nightsafe
