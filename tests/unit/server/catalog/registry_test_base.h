// A registry in a temporary directory, with a vault and an admin key.
#pragma once

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/crypto/blake3.h"
#include "common/crypto/random.h"
#include "common/io/durable_file.h"
#include "common/order/order.h"
#include "server/catalog/registry.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temporary_directory.h"

namespace nightsafe {
class StoppedClock final : public Clock {
 public:
  absl::Time Now() const override { return now; }
  absl::Time now = absl::FromUnixSeconds(1'700'000'000);
};

class RegistryTest : public testing::Test {
 protected:
  void SetUp() override {
    InitCrypto();
    ASSERT_TRUE(
        Registry::Init(fs_, Dir(), server_, admin_.verify_key(), clock_).ok());
    Reopen();
    ASSERT_TRUE(registry_->AddVault(MakeVault("home", 1)).ok());
  }

  std::string Dir() const { return directory_.Path("server"); }
  void Reopen() {
    registry_.reset();
    auto registry = Registry::Open(fs_, Dir(), clock_);
    ASSERT_TRUE(registry.ok()) << registry.status();
    registry_ = *std::move(registry);
  }
  static VaultRegistration MakeVault(const std::string& name, uint8_t number) {
    VaultRegistration vault{.name = name};
    vault.id.bytes.fill(std::byte{number});
    vault.verify_key.bytes.fill(std::byte{2});
    vault.opening_key_id.bytes.fill(std::byte{3});
    return vault;
  }
  static TokenHash HashToken(absl::string_view token) {
    return TokenHash::FromValidBytes(HashOf(AsBytes(token)));
  }
  static KeyFingerprint Key(uint8_t number) {
    KeyFingerprint key;
    key.bytes.fill(std::byte{number});
    return key;
  }
  absl::StatusOr<HostRegistration> AddHost(const std::string& host,
                                           absl::string_view token,
                                           const std::string& domain = "") {
    return registry_->AddHost("home", host, domain, HashToken(token),
                              clock_.now + absl::Hours(1));
  }
  absl::StatusOr<IssuedCertificate> Use(absl::string_view token,
                                        const KeyFingerprint& key) {
    return registry_->UseToken(
        AsBytes(token), key,
        [this](const TokenGrant& grant) -> absl::StatusOr<IssuedCertificate> {
          ++issued_;
          return IssuedCertificate{
              .der = absl::StrCat(
                  "cert ", issued_, " for ", grant.vault, "/", grant.name,
                  grant.kind == PrincipalKind::kReader ? " reader" : ""),
              .not_after = clock_.now + absl::Hours(8760)};
        });
  }
  absl::StatusOr<IssuedCertificate> Renew(const std::string& host,
                                          const KeyFingerprint& key) {
    return registry_->Renew(
        {.vault = "home", .name = host}, key,
        [&]() -> absl::StatusOr<IssuedCertificate> {
          ++issued_;
          return IssuedCertificate{
              .der = absl::StrCat("cert ", issued_, " for ", host),
              .not_after = clock_.now + absl::Hours(8760)};
        });
  }
  v1::format::Order NewOrder() {
    v1::format::Order order;
    order.set_server_id(std::string(server_.text()));
    order.set_nonce(std::string(RandomId<SessionId>().text()));
    order.set_issued_unix_ns(absl::ToUnixNanos(clock_.now));
    return order;
  }
  v1::format::Order Revoke(const std::string& host) {
    v1::format::Order order = NewOrder();
    order.set_vault("home");
    order.mutable_revoke_host()->set_host(host);
    return order;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> posix_ = NewPosixFileSystem();
  FaultyFileSystem fs_{*posix_};
  StoppedClock clock_;
  const SigningKey admin_ = SigningKey::Generate();
  const ServerId server_ = MakeServerId(admin_.verify_key());
  std::unique_ptr<Registry> registry_;
  int issued_ = 0;
};

}  // namespace nightsafe
