// A data directory on a simulated disk, started, stopped and killed.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "server/vault/data_directory.h"
#include "tests/crash/simulation/ledger.h"
#include "tests/support/index_env.h"
#include "tests/support/sim_disk.h"
#include "tests/support/vault_fixture.h"

namespace nightsafe {

class SimServer {
 public:
  SimServer(std::unique_ptr<SimDisk> disk, const StoreOptions& options)
      : disk_(std::move(disk)), options_(options) {}
  ~SimServer() { disk_->Observe({}); }

  absl::Status Init(const ServerId& server, const VerifyKey& admin);
  // Recovers as a start does.
  absl::Status Start();
  // A clean stop.
  absl::Status Stop();
  // kill -9; the page cache stays. Nobody observes the disk any more.
  void Kill();
  // Only while it does not run.
  absl::Status Rebuild();
  // What RocksDB would do in the background.
  void RunBackground();

  // Only while it does not run.
  void Replace(std::unique_ptr<SimDisk> disk) { disk_ = std::move(disk); }
  SimDisk& disk() { return *disk_; }
  bool running() const { return data_ != nullptr; }
  DataDirectory& data() { return *data_; }
  TestClock& clock() { return clock_; }
  const StartupReport& report() const { return report_; }

 private:
  DataOptions Options();

  std::unique_ptr<SimDisk> disk_;
  const StoreOptions options_;
  TestClock clock_;
  StartupReport report_;
  IndexEnv* env_ = nullptr;  // of data_'s index
  std::unique_ptr<DataDirectory> data_;
};

}  // namespace nightsafe
