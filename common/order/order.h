// Orders: what an admin key signs and servers, sweepers and readers obey.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/crypto/signature.h"
#include "nightsafe/v1/format/order.pb.h"

namespace nightsafe {

inline constexpr size_t kMaxOrderBytes = 64 << 10;

// Fills in nothing: server id, nonce and time are the caller's.
v1::format::SignedOrder SignOrder(const SigningKey& admin,
                                  const v1::format::Order& order);

// The order, if it is signed by `admin_key` and for `server`; else
// PERMISSION_DENIED or, if it does not parse, has no 16-byte nonce, a bad vault
// name or no action this program knows, INVALID_ARGUMENT. Whether a nonce was
// seen before is the caller's question.
absl::StatusOr<v1::format::Order> VerifyOrder(
    const v1::format::SignedOrder& signed_order, const VerifyKey& admin_key,
    const ServerId& server);

// 8 random bytes, then 16 bytes of a hash over them and the first admin key.
ServerId MakeServerId(const VerifyKey& first_admin_key);
// OK if `server` was made with this key; else PERMISSION_DENIED.
absl::Status CheckServerId(const ServerId& server,
                           const VerifyKey& first_admin_key);

}  // namespace nightsafe
