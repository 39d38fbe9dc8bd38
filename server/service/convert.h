// Between messages and domain types.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "nightsafe/v1/admin.pb.h"
#include "nightsafe/v1/deposit.pb.h"
#include "nightsafe/v1/retrieve.pb.h"
#include "server/catalog/registry.h"
#include "server/vault/vault.h"

namespace nightsafe {

// INVALID_ARGUMENT names the field and both lengths.
template <typename IdType>
absl::StatusOr<IdType> ToId(absl::string_view field, absl::string_view bytes) {
  if (bytes.size() != IdType::kSize) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, " has ", bytes.size(), " bytes, not ", IdType::kSize));
  }
  return IdType::FromBytes(AsBytes(bytes));
}

// INVALID_ARGUMENT unless it is 1 to `limit` whole ids.
absl::StatusOr<std::vector<ObjectId>> ToObjectIds(absl::string_view ids,
                                                  size_t limit);

v1::DepositReply ToReply(const CommitOutcome& outcome);
v1::SnapshotRecord ToRecord(const SnapshotInfo& snapshot);
v1::AdminSnapshot ToAdminSnapshot(const SnapshotInfo& snapshot);
v1::ReaderRecord ToRecord(const ReaderRegistration& reader);
// Takes the host's own from the sets of its vault.
v1::HostRecord ToRecord(const HostRegistration& host,
                        const std::vector<SetSummary>& sets);

}  // namespace nightsafe
