#include "tests/support/test_server.h"

#include <cstdio>
#include <cstdlib>

#include "client/rpc/admin_client.h"
#include "client/rpc/enrol_client.h"
#include "common/base/check.h"
#include "common/crypto/blake3.h"
#include "common/crypto/random.h"
#include "common/order/order.h"
#include "common/pki/pki.h"

namespace nightsafe {
namespace {

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "test server: %s\n", status.ToString().c_str());
  std::abort();
}
template <typename T>
T Must(absl::StatusOr<T> value) {
  Must(value.status());
  return std::move(value).value();
}

v1::format::Order NewOrder(const ServerId& server) {
  InitCrypto();
  v1::format::Order order;
  order.set_server_id(std::string(server.text()));
  order.set_nonce(std::string(RandomId<SessionId>().text()));
  return order;
}

}  // namespace

ServerConfig TestServer::LoopbackConfig() {
  ServerConfig config;
  config.listen = "127.0.0.1:0";
  config.enrol_listen = "127.0.0.1:0";
  config.metrics_listen = "";  // its threads take seconds to stop
  config.reserve_bytes = 1 << 20;
  config.reserve_share = 0;
  config.snapshots_per_day = 0;  // tests make days of them in a minute
  return config;
}

TestServer::TestServer(ServerConfig config, const Clock* clock)
    : clock_(clock != nullptr ? *clock : system_clock_),
      config_(std::move(config)) {
  InitCrypto();
  Must(InitServer(*fs_, clock_, data(), admin_key_.verify_key(), config_));
  Start();
  main_keyring_ = AddVault("main");
}

TestServer::~TestServer() { Stop(); }

ServerId TestServer::server_id() {
  return server_->data().registry().server_id();
}

std::string TestServer::ca_pem() {
  const std::string path = data() + "/pki/ca.crt";
  const auto file = Must(fs_->OpenForRead(path));
  std::string pem(Must(file->Size()), '\0');
  Must(file->ReadAt(0, AsMutableBytes(pem)));
  return pem;
}

std::unique_ptr<Keyring> TestServer::AddVault(const std::string& name) {
  auto keyring = std::make_unique<Keyring>(Keyring::Create());
  VaultRegistration vault;
  vault.name = name;
  vault.id = keyring->vault_id();
  vault.verify_key = keyring->verify_key();
  vault.opening_key_id = KeyIdOf(keyring->opening_public_key());
  const std::string sealed =
      Must(SealKeyring(*keyring, {recovery_key_.public_key()}));
  Must(server_->data().AddVault(vault, AsBytes(sealed)));
  return keyring;
}

HostCredential TestServer::EnrolHost(const std::string& vault,
                                     const Keyring& keyring,
                                     const std::string& name) {
  const Secret32 token = RandomSecret();
  const HostRegistration host = Must(server_->data().registry().AddHost(
      vault, name, "", TokenHash::FromValidBytes(HashOf(token.view())),
      clock_.Now() + absl::Hours(1)));
  return {Enrol(token.view()),
          MintDepositKey(keyring.DeriveEnrolKey(), name, host.host_epoch,
                         host.domain, host.domain_epoch)};
}

PeerCredential TestServer::EnrolReader(const std::string& name,
                                       const std::vector<std::string>& vaults) {
  const Secret32 token = RandomSecret();
  Must(server_->data().registry().AddReader(
      name, vaults, TokenHash::FromValidBytes(HashOf(token.view())),
      clock_.Now() + absl::Hours(1)));
  return Enrol(token.view());
}

PeerCredential TestServer::Enrol(ByteView token) {
  PeerCredential credential;
  credential.key_pem = Must(GeneratePrivateKeyPem());
  const std::string csr = Must(MakeCsrDer(credential.key_pem));
  const auto connection = ConnectForEnrolment();
  const std::string der =
      Must(EnrolForCertificateDer(*connection, token, AsBytes(csr)));
  credential.certificate_pem = DerToPem(AsBytes(der));
  return credential;
}

v1::format::SignedOrder TestServer::AddAdminOrder(const std::string& admin,
                                                  const std::string& csr_der) {
  v1::format::Order order = NewOrder(server_id());
  order.mutable_add_admin()->set_name(admin);
  order.mutable_add_admin()->set_public_key_fingerprint(
      std::string(Must(CsrFingerprint(AsBytes(csr_der))).text()));
  return SignOrder(admin_key_, order);
}

PeerCredential TestServer::EnrolAdmin(const std::string& name) {
  PeerCredential credential;
  credential.key_pem = Must(GeneratePrivateKeyPem());
  v1::AddAdminRequest request;
  request.set_csr_der(Must(MakeCsrDer(credential.key_pem)));
  *request.mutable_order() = AddAdminOrder(name, request.csr_der());
  const auto connection = ConnectAsAdmin();
  const v1::AddAdminReply reply =
      Must(AdminClient(*connection).AddAdmin(request));
  credential.certificate_pem = DerToPem(AsBytes(reply.certificate_der()));
  return credential;
}

void TestServer::RevokeAdmin(const std::string& name) {
  v1::format::Order order = NewOrder(server_id());
  order.mutable_revoke_admin()->set_admin(name);
  Must(server_->data().registry().Submit(SignOrder(admin_key_, order)));
}

void TestServer::RevokeHost(const std::string& vault, const std::string& name) {
  v1::format::Order order = NewOrder(server_id());
  order.set_vault(vault);
  order.mutable_revoke_host()->set_host(name);
  Must(server_->data().registry().Submit(SignOrder(admin_key_, order)));
}

void TestServer::RevokeReader(const std::string& name) {
  v1::format::Order order = NewOrder(server_id());
  order.mutable_revoke_reader()->set_reader(name);
  Must(server_->data().registry().Submit(SignOrder(admin_key_, order)));
}

std::unique_ptr<Connection> TestServer::Open(ConnectionOptions options) {
  options.server = server_id();
  options.ca_certificate_pem = ca_pem();
  return Must(Connection::Open(options, clock_));
}

std::unique_ptr<Connection> TestServer::Connect(
    const PeerCredential& credential) {
  return Open({.address = server_->addresses().deposit,
               .client_key_pem = credential.key_pem,
               .client_certificate_pem = credential.certificate_pem});
}

std::unique_ptr<Connection> TestServer::ConnectForEnrolment() {
  return Open({.address = server_->addresses().enrol});
}

std::unique_ptr<Connection> TestServer::ConnectAsAdmin() {
  return Open({.address = "unix:" + server_->addresses().admin_socket});
}

std::unique_ptr<Connection> TestServer::ConnectAsAdmin(
    const PeerCredential& credential) {
  return Open({.address = server_->addresses().admin,
               .client_key_pem = credential.key_pem,
               .client_certificate_pem = credential.certificate_pem});
}

void TestServer::Stop() {
  if (server_ == nullptr) return;
  Must(server_->Shutdown());
  server_ = nullptr;
}

void TestServer::Start() {
  NS_CHECK(server_ == nullptr);
  server_ = Must(Server::Start(*fs_, clock_, data(), config_));
}

}  // namespace nightsafe
