// Letting a host or a reader in: registers it and makes its enrolment file.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/rpc/admin_client.h"
#include "common/crypto/keyring.h"
#include "nightsafe/v1/format/enrolment.pb.h"

namespace nightsafe {

// Mints the host's deposit key here, so that it never passes the server.
// ALREADY_EXISTS if the host is enrolled. `enrol_key` must be of that vault.
absl::StatusOr<v1::format::Enrolment> GrantHost(const AdminClient& server,
                                                const EnrolKey& enrol_key,
                                                absl::string_view vault,
                                                absl::string_view host,
                                                absl::Time expires);

absl::StatusOr<v1::format::Enrolment> GrantReader(
    const AdminClient& server, absl::string_view reader,
    const std::vector<std::string>& vaults, absl::Time expires);

// Signs and submits the order. The certificate stops working at the next call
// and within seconds in open streams.
absl::Status RevokeHost(const AdminClient& server, const SigningKey& admin_key,
                        absl::string_view vault, absl::string_view host,
                        absl::string_view reason, absl::Time now);
// As RevokeHost, and it is no longer listed. Its snapshots stay.
absl::Status RemoveHost(const AdminClient& server, const SigningKey& admin_key,
                        absl::string_view vault, absl::string_view host,
                        absl::string_view reason, absl::Time now);
// The name is free for another machine, which GrantHost lets in; the history
// stays. Also for a host that was revoked or removed.
absl::Status ReplaceHost(const AdminClient& server, const SigningKey& admin_key,
                         absl::string_view vault, absl::string_view host,
                         absl::Time now);
// The same machine gets new keys by GrantHost; `stolen`: also another domain
// secret, so that the next backup uploads everything.
absl::Status RekeyHost(const AdminClient& server, const SigningKey& admin_key,
                       absl::string_view vault, absl::string_view host,
                       bool stolen, absl::string_view reason, absl::Time now);
// A token that was not used yet.
absl::Status RevokeToken(const AdminClient& server, const SigningKey& admin_key,
                         absl::string_view token_hash, absl::Time now);
absl::Status RevokeAdmin(const AdminClient& server, const SigningKey& admin_key,
                         absl::string_view admin, absl::string_view reason,
                         absl::Time now);
absl::Status RevokeReader(const AdminClient& server,
                          const SigningKey& admin_key, absl::string_view reader,
                          absl::string_view reason, absl::Time now);

}  // namespace nightsafe
