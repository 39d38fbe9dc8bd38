// How the server is: one answer for people and for monitoring.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/io/file_system.h"
#include "nightsafe/v1/admin.pb.h"
#include "server/service/admission.h"
#include "server/vault/data_directory.h"
#include "server/vault/scrubber.h"
#include "server/vault/startup_report.h"

namespace nightsafe {

// What a status is made of. Borrows.
struct StatusSources {
  DataDirectory& data;
  Scrubber& scrubber;
  const Clock& clock;
  const StartupReport& report;
  std::string version;
  absl::Time started;
  uint64_t reserve_bytes = 0;
  double reserve_share = 0;
  std::function<uint64_t()> open_streams;
  std::function<absl::StatusOr<Admission::HostUse>(Vault&,
                                                   const HostRegistration&)>
      use_of;
  // Nothing if the disk cannot be asked.
  std::function<std::optional<SpaceInfo>()> space;
};

v1::GetStatusReply MakeStatus(const StatusSources& sources,
                              const v1::GetStatusRequest& request);

}  // namespace nightsafe
