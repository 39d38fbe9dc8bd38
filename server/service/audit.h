// Journal records in words, for an audit.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "nightsafe/v1/admin.pb.h"
#include "nightsafe/v1/format/journal.pb.h"
#include "server/vault/data_directory.h"

namespace nightsafe {

// Everything but number and what only the state knows.
v1::AuditRecord Describe(const v1::format::ServerRecord& record);
v1::AuditRecord Describe(const v1::format::VaultRecord& record);

// Reads the journal that `request` names from the disk and hands on what it
// asks for; stops with an error of `write`. The last reply has `done`.
absl::Status AuditJournal(
    DataDirectory& data, const v1::AuditRequest& request,
    const std::function<absl::Status(const v1::AuditReply&)>& write);

}  // namespace nightsafe
