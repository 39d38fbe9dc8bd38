#include "server/metrics/metrics_page.h"

#include <prometheus/exposer.h>

#include <exception>

#include "absl/strings/str_cat.h"
#include "server/metrics/families.h"

namespace nightsafe {

struct MetricsPage::Parts {
  std::shared_ptr<ServerFamilies> families;
  std::unique_ptr<prometheus::Exposer> exposer;
};

absl::StatusOr<std::unique_ptr<MetricsPage>> MetricsPage::Start(
    const std::string& address, DataDirectory& data, const Counters& counters,
    MetricsSources sources) {
  auto parts = std::make_unique<Parts>();
  parts->families =
      std::make_shared<ServerFamilies>(data, counters, std::move(sources));
  try {
    parts->exposer = std::make_unique<prometheus::Exposer>(address, 1);
    parts->exposer->RegisterCollectable(parts->families);
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("cannot serve metrics on ", address, ": ", error.what(),
                     "; change metrics_listen or empty it"));
  }
  return std::unique_ptr<MetricsPage>(new MetricsPage(std::move(parts)));
}

MetricsPage::MetricsPage(std::unique_ptr<Parts> parts)
    : parts_(std::move(parts)) {}
MetricsPage::~MetricsPage() = default;

int MetricsPage::port() const {
  const std::vector<int> ports = parts_->exposer->GetListeningPorts();
  return ports.empty() ? 0 : ports.front();
}

}  // namespace nightsafe
