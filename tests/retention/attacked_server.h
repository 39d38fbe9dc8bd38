// A real server whose time is steered, with hosts whose real agents back up a
// small tree of their own.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "client/agent/backup.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_server.h"
#include "tests/support/vault_fixture.h"

namespace nightsafe {

class AttackedServer;

class AttackedHost {
 public:
  AttackedHost(AttackedServer& server, std::string name);

  // One changed file, a new one; then a backup. Failures end the program.
  void Night(const std::string& set = "files");
  absl::Status Backup(const std::string& set = "files");
  // Opens sessions, puts data and never commits.
  void Abandon();

  void Write(const std::string& file, const std::string& content);
  void EncryptAll();
  void EncryptSome(int files);
  void DeleteAll();
  // The agent's state goes back to what it was when it was saved.
  void SaveState();
  void RollBack();
  void LoseState();

  const std::string& name() const { return name_; }
  // Of the agent, beside the server's.
  absl::Duration clock_shift;

 private:
  AttackedServer& server_;
  const std::string name_;
  const HostCredential credential_;
  const std::string source_;
  const std::string state_;
  uint64_t seed_ = 0;
};

class AttackedServer {
 public:
  AttackedServer();

  // Retention as of the restic command beside it: keep-last 7, keep-daily 7,
  // without a floor.
  void SetPolicy();
  // What a timer does every night.
  void Prune();
  // Sequence numbers of the live snapshots of that host and set.
  std::set<uint64_t> Live(const std::string& host,
                          const std::string& set = "files");
  // How many the vault has ever had.
  uint64_t Sequence();

  void Set(absl::Time now) { clock.Set(now); }

  TemporaryDirectory directory;
  TestClock clock;
  std::unique_ptr<FileSystem> fs = NewPosixFileSystem();
  std::unique_ptr<TestServer> server;

 private:
  Vault& vault();
};

}  // namespace nightsafe
