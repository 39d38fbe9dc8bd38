// Who may come to the admin listener: by orders alone.
#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "server/catalog/principals.h"
#include "server/catalog/record_fields.h"

namespace nightsafe {

using v1::format::Order;

absl::Status Principals::ApplyAdminAdded(
    const ServerRecord::AdminAdded& added) {
  NS_ASSIGN_OR_RETURN(const Order order, Verify(added.order()));
  if (!order.has_add_admin() || !order.vault().empty()) {
    return absl::InvalidArgumentError("the order adds no admin");
  }
  if (HasSeen(order.nonce())) {
    return absl::AlreadyExistsError("this very order was carried out before");
  }
  const std::string& name = order.add_admin().name();
  NS_RETURN_IF_ERROR(ValidateName("admin", name));
  KeyFingerprint key;
  NS_RETURN_IF_ERROR(TakeField(
      "key fingerprint", order.add_admin().public_key_fingerprint(), key));
  NS_RETURN_IF_ERROR(CheckNewAdmin(name, key));
  NS_RETURN_IF_ERROR(
      Enrol({.kind = PrincipalKind::kAdmin, .name = name}, key,
            {.der = added.certificate_der(),
             .not_after = absl::FromUnixNanos(added.not_after_unix_ns())}));
  nonces_.insert(order.nonce());
  return absl::OkStatus();
}

// An admin's key is nobody else's, and what a revocation took away does not
// come back by another name.
absl::Status Principals::CheckNewAdmin(const std::string& name,
                                       const KeyFingerprint& key) const {
  const AdminRegistration* existing = FindAdmin(name);
  if (existing != nullptr) {
    return absl::AlreadyExistsError(absl::StrCat(
        "admin ", name, existing->revoked ? " is revoked" : " exists",
        ": choose another name"));
  }
  const ReaderRegistration* reader = FindReader(name);
  if (reader != nullptr && reader->revoked) {
    return absl::AlreadyExistsError(
        absl::StrCat("reader ", name, " is revoked: choose a name that was ",
                     "never taken from anybody"));
  }
  const auto taken = [&](absl::string_view role, absl::string_view by) {
    return absl::AlreadyExistsError(absl::StrCat("this key is that of ", role,
                                                 " ", by, ": make a new one"));
  };
  const AdminRegistration* owner = FindAdminWithKey(key);
  if (owner != nullptr) return taken("admin", owner->name);
  for (const auto& [other, known] : readers_) {
    if (known.enrolled && known.fingerprint == key) {
      return taken("reader", other);
    }
  }
  for (const auto& [other, host] : hosts_) {
    if (host.enrolled && host.fingerprint == key) {
      return taken("host", other.second);
    }
  }
  return absl::OkStatus();
}

absl::Status Principals::RevokeAdmin(const Order& order) {
  const auto admin = admins_.find(order.revoke_admin().admin());
  if (admin == admins_.end()) {
    return absl::NotFoundError(
        absl::StrCat("there is no admin ", order.revoke_admin().admin()));
  }
  admin->second.revoked = true;
  return absl::OkStatus();
}

const AdminRegistration* Principals::FindAdmin(absl::string_view admin) const {
  const auto found = admins_.find(std::string(admin));
  return found == admins_.end() ? nullptr : &found->second;
}

const AdminRegistration* Principals::FindAdminWithKey(
    const KeyFingerprint& key) const {
  for (const auto& [name, admin] : admins_) {
    if (admin.fingerprint == key) return &admin;
  }
  return nullptr;
}

std::vector<AdminRegistration> Principals::Admins() const {
  std::vector<AdminRegistration> admins;
  for (const auto& [name, admin] : admins_) admins.push_back(admin);
  return admins;
}

}  // namespace nightsafe
