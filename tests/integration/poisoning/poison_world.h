// A server, an honest host, and intruders who hold the keys of its domain.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/agent/backup.h"
#include "client/rpc/retrieve_client.h"
#include "tests/support/fake_deposit_server.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_server.h"

namespace nightsafe {

// An object that the honest host is about to store.
struct Target {
  ObjectId id;
  std::string bytes;
};

// Failures of what is no attack end the program.
class PoisonWorld {
 public:
  explicit PoisonWorld(uint64_t seed);

  TestServer& server() { return server_; }
  const HostCredential& honest() const { return honest_; }
  // Another host, whose deposit key the test minted for the honest one's
  // domain. The registry offers no shared domains, so the server keeps it to
  // one of its own.
  const HostCredential& sharer() const { return sharer_; }

  // Changes the honest host's files; what its agent will put then, found out by
  // running the agent with the sharer's key against a server in memory.
  std::vector<Target> ForeseeNight();
  absl::StatusOr<BackupResult> Backup();
  // Why the honest host's last snapshot does not restore to its files; OK.
  absl::Status CheckRestore();
  // What the server holds under the id in the honest host's domain, as a reader
  // sees it; NOT_FOUND.
  absl::StatusOr<std::string> Fetch(const ObjectId& id);

 private:
  void Write(const std::string& name, const std::string& content);
  BackupOptions Options(const std::string& state) const;
  std::map<std::string, std::string> Files() const;

  uint64_t seed_;
  uint64_t night_ = 0;
  TemporaryDirectory directory_;
  const std::string source_;
  std::unique_ptr<FileSystem> fs_ = NewPosixFileSystem();
  TestServer server_;
  HostCredential honest_, sharer_;
  std::unique_ptr<Connection> reading_;
  FakeDepositServer rehearsal_;
  std::map<ObjectId, std::string> foreseen_;
};

}  // namespace nightsafe
