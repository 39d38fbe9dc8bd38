// A real server in this process, with a vault and ways to enrol peers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/rpc/connection.h"
#include "common/base/clock.h"
#include "common/crypto/keyring.h"
#include "common/crypto/signature.h"
#include "common/io/file_system.h"
#include "server/server.h"
#include "tests/support/temporary_directory.h"

namespace nightsafe {

struct PeerCredential {
  std::string key_pem;
  std::string certificate_pem;
};
struct HostCredential : PeerCredential {
  DepositKey deposit_key;
};

// Listens on free ports of 127.0.0.1; data in a temporary directory. Failures
// end the program.
class TestServer {
 public:
  // A fresh server with vault "main", started.
  // `clock`: the server's, outlives it; null: the system's. The peers' TLS goes
  // by the system's clock in any case.
  explicit TestServer(ServerConfig config = LoopbackConfig(),
                      const Clock* clock = nullptr);
  ~TestServer();

  static ServerConfig LoopbackConfig();

  Server& server() { return *server_; }
  std::string data() const { return directory_.Path("data"); }
  FileSystem& fs() { return *fs_; }
  const Clock& clock() const { return clock_; }
  const SigningKey& admin_key() const { return admin_key_; }
  ServerId server_id();
  std::string ca_pem();

  // Its keyring; the vault is registered with one recovery key.
  std::unique_ptr<Keyring> AddVault(const std::string& name);
  const Keyring& main_keyring() const { return *main_keyring_; }
  const BoxKey& recovery_key() const { return recovery_key_; }

  HostCredential EnrolHost(const std::string& name) {
    return EnrolHost("main", *main_keyring_, name);
  }
  HostCredential EnrolHost(const std::string& vault, const Keyring& keyring,
                           const std::string& name);
  PeerCredential EnrolReader(const std::string& name,
                             const std::vector<std::string>& vaults = {"main"});
  // For the listener for admins.
  PeerCredential EnrolAdmin(const std::string& name);
  // An order that `admin_key` signed: `admin` with the key of `csr_der`.
  v1::format::SignedOrder AddAdminOrder(const std::string& admin,
                                        const std::string& csr_der);
  void RevokeAdmin(const std::string& name);
  void RevokeHost(const std::string& vault, const std::string& name);
  void RevokeReader(const std::string& name);

  // To the deposit and retrieve listener, the enrolment one, the admin socket,
  // the listener for admins if the configuration has one.
  std::unique_ptr<Connection> Connect(const PeerCredential& credential);
  std::unique_ptr<Connection> ConnectForEnrolment();
  std::unique_ptr<Connection> ConnectAsAdmin();
  std::unique_ptr<Connection> ConnectAsAdmin(const PeerCredential& credential);

  void Stop();
  void Start();  // on new ports

 private:
  std::unique_ptr<Connection> Open(ConnectionOptions options);
  // With the token already registered.
  PeerCredential Enrol(ByteView token);

  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> fs_ = NewPosixFileSystem();
  SystemClock system_clock_;
  const Clock& clock_;
  const ServerConfig config_;
  SigningKey admin_key_ = SigningKey::Generate();
  BoxKey recovery_key_ = BoxKey::Generate();
  std::unique_ptr<Keyring> main_keyring_;
  std::unique_ptr<Server> server_;
};

}  // namespace nightsafe
