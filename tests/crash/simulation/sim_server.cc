#include "tests/crash/simulation/sim_server.h"

#include "common/base/status.h"

namespace nightsafe {

DataOptions SimServer::Options() {
  DataOptions options;
  static_cast<StoreOptions&>(options) = options_;
  options.index_env = [this]() -> std::unique_ptr<rocksdb::Env> {
    std::unique_ptr<IndexEnv> env = NewIndexEnv(*disk_);
    env_ = env.get();
    return env;
  };
  return options;
}

absl::Status SimServer::Init(const ServerId& server, const VerifyKey& admin) {
  return DataDirectory::Init(*disk_, kSimData, server, admin, clock_);
}

absl::Status SimServer::Start() {
  report_ = {};
  NS_ASSIGN_OR_RETURN(
      data_, DataDirectory::Open(*disk_, kSimData, clock_, Options(), report_));
  return absl::OkStatus();
}

absl::Status SimServer::Stop() {
  const absl::Status status = data_->Close();
  data_.reset();
  return status;
}

void SimServer::Kill() {
  // What destructors still write comes too late.
  std::unique_ptr<SimDisk> left = disk_->AfterKill();
  disk_->Observe({});
  data_.reset();
  disk_ = std::move(left);
}

absl::Status SimServer::Rebuild() {
  return DataDirectory::Rebuild(*disk_, kSimData, clock_, {}, &report_,
                                Options())
      .status();
}

void SimServer::RunBackground() { env_->RunBackground(); }

}  // namespace nightsafe
