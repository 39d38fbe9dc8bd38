// The records of a vault's journal, made one after the other and replayed, by
// somebody who may write anything into it.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/order/order.h"
#include "server/vault/vault_state.h"
#include "tests/support/vault_fixture.h"

namespace nightsafe {

class RetentionJournal {
 public:
  using Order = v1::format::Order;
  using VaultRecord = v1::format::VaultRecord;

  RetentionJournal() {
    VaultRecord record;
    record.mutable_init()->set_name("home");
    record.mutable_init()->set_vault_id(
        std::string(vault_.registration().id.text()));
    record.mutable_init()->set_admin_public_key(
        std::string(admin_.verify_key().text()));
    record.mutable_init()->set_server_id(std::string(server_.text()));
    Append(record);
    record.mutable_keyring()->set_sealed_keyring(sealed_keyring_);
    Append(record);
  }

  const TestVault& vault() const { return vault_; }
  const BoxKey& recovery_key() const { return recovery_key_; }
  const VaultState& state() const { return state_; }
  const RetentionState& retention() const { return state_.retention(); }
  const SigningKey& admin() const { return admin_; }
  absl::Time now() const { return now_; }
  // Small steps, so that nothing doubts the clock.
  void Pass(absl::Duration span) {
    while (span > absl::ZeroDuration()) {
      const absl::Duration step = std::min(span, absl::Hours(24));
      span -= step;
      now_ += step;
      VaultRecord record;
      record.mutable_scrubbed();
      Append(record);
    }
  }
  void Jump(absl::Duration span) { now_ += span; }

  void Append(VaultRecord record) {
    record.set_time_unix_ns(absl::ToUnixNanos(now_));
    const absl::Status status = state_.Apply(record);
    NS_CHECK(status.ok());
    records_.push_back(record);
  }
  const std::vector<VaultRecord>& records() const { return records_; }

  SnapshotId Commit(TestHost& host, uint64_t new_bytes = 1000) {
    const SessionId session = RandomId<SessionId>();
    VaultRecord record;
    VaultRecord::Commit& commit = *record.mutable_commit();
    commit.set_sequence(state_.snapshots().size() + 1);
    commit.set_received_unix_ns(absl::ToUnixNanos(now_));
    commit.set_host(host.registration().name);
    commit.set_set(host.set());
    commit.set_session(std::string(session.text()));
    commit.set_manifest(host.MakeManifest({}, session));
    commit.set_new_bytes(new_bytes);
    commit.set_domain_number(host.registration().domain_number);
    Append(record);
    host.Advance(state_.snapshots().back().id);
    return state_.snapshots().back().id;
  }
  TestHost MakeHost(absl::string_view name, absl::string_view set = "files") {
    return vault_.MakeHost(name, ++hosts_, set);
  }

  Order NewOrder() const {
    Order order;
    order.set_server_id(std::string(server_.text()));
    order.set_vault("home");
    order.set_nonce(std::string(RandomId<SessionId>().text()));
    order.set_issued_unix_ns(absl::ToUnixNanos(now_));
    return order;
  }
  Order Expire(const std::vector<SnapshotId>& ids) const {
    Order order = NewOrder();
    for (const SnapshotId& id : ids) {
      order.mutable_expire()->add_snapshots(std::string(id.text()));
    }
    return order;
  }
  Order Undelete(const SnapshotId& id) const {
    Order order = NewOrder();
    order.mutable_undelete()->add_snapshots(std::string(id.text()));
    return order;
  }
  // OK, or why it was reported as forged.
  absl::Status Give(const v1::format::SignedOrder& order,
                    const std::string& sealed_keyring = "") {
    VaultRecord record;
    *record.mutable_ordered()->mutable_order() = order;
    record.mutable_ordered()->set_sealed_keyring(sealed_keyring);
    return AppendJudged(record);
  }
  absl::Status Give(const Order& order,
                    const std::string& sealed_keyring = "") {
    return Give(SignOrder(admin_, order), sealed_keyring);
  }
  Order StoreKeyring(const std::string& sealed) const {
    const auto hash = [](const std::string& bytes) {
      const Hash32 value = HashOf(AsBytes(bytes));
      return std::string(AsText(value));
    };
    Order order = NewOrder();
    order.mutable_store_keyring()->set_sealed_keyring_hash(hash(sealed));
    order.mutable_store_keyring()->set_previous_keyring_hash(
        hash(state_.sealed_keyring()));
    return order;
  }
  Order Proven(const BoxPublicKey& key) const {
    Order order = NewOrder();
    order.mutable_recovery_key_proven()->set_recovery_key_id(
        std::string(KeyIdOf(key).text()));
    return order;
  }
  absl::Status Tombstone(const std::vector<SnapshotId>& ids) {
    VaultRecord record;
    record.mutable_tombstoned();
    for (const SnapshotId& id : ids) {
      record.mutable_tombstoned()->add_snapshots(std::string(id.text()));
    }
    return AppendJudged(record);
  }
  absl::Status Purge(const std::vector<SnapshotId>& ids) {
    VaultRecord record;
    record.mutable_purged();
    for (const SnapshotId& id : ids) {
      record.mutable_purged()->add_snapshots(std::string(id.text()));
    }
    return AppendJudged(record);
  }
  absl::Status AppendJudged(const VaultRecord& record) {
    const uint64_t before = retention().forged_records();
    Append(record);
    if (retention().forged_records() == before) return absl::OkStatus();
    return absl::PermissionDeniedError(retention().forged().back().reason);
  }
  SnapshotLife LifeOf(const SnapshotId& id) const {
    return retention().Find(id)->life;
  }

 private:
  const TestVault vault_;
  const BoxKey recovery_key_ = BoxKey::Generate();
  const std::string sealed_keyring_ =
      SealKeyring(vault_.keyring(), {recovery_key_.public_key()}).value();
  const SigningKey admin_ = SigningKey::Generate();
  const ServerId server_ = MakeServerId(admin_.verify_key());
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  uint32_t hosts_ = 0;
  VaultState state_;
  std::vector<VaultRecord> records_;
};

}  // namespace nightsafe
