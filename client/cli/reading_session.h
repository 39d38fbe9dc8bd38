// What the commands that read have in common: which server and vault, which
// key, which snapshot.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/commands.h"
#include "client/restore/catalog.h"
#include "client/restore/object_source.h"
#include "client/rpc/connection.h"
#include "client/rpc/retrieve_client.h"
#include "client/terminal/passphrase.h"

namespace nightsafe {

struct ReadingOptions {
  std::string vault;
  std::string reader;
  std::string key_file;
  std::string server;    // unix:PATH: no credential is needed
  std::string vault_id;  // hex; with `server`
  PassphraseSource passphrase;

  void AddTo(CLI::App* command);
};

// The text every such command's help ends with.
std::string SnapshotNameHelp();

class ReadingSession {
 public:
  // Borrows both. FAILED_PRECONDITION: several vaults or readers, to be named.
  static absl::StatusOr<std::unique_ptr<ReadingSession>> Open(
      const ClientOptions& client, const ReadingOptions& options);

  // Asks for the passphrase if the key file has one.
  absl::StatusOr<ReadKey> OpenKey() const;
  // --key, NIGHTSAFE_KEY or read.key exists: reading can be verified.
  bool HasKey() const;

  // Without a key nothing is verified. Prints what is wrong with the list as a
  // whole to stderr.
  absl::StatusOr<Catalog> LoadCatalog(const std::string& host,
                                      const ReadKey* key) const;
  ObjectSource ObjectsOf(const Snapshot& snapshot) const;
  const std::string& vault() const { return vault_; }

 private:
  ReadingSession(const ClientOptions& client, const ReadingOptions& options);
  absl::Status ConnectAsReader();
  absl::Status ConnectToSocket();
  std::string KeyFile() const;

  const ClientOptions& client_;
  // Its own options, and for those not given the program's.
  ReadingOptions options_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<RetrieveClient> retrieve_;
  std::string vault_;
  std::optional<VaultId> vault_id_;
};

// A name from the command line, its snapshot found, opened and described on
// stderr with its warnings.
struct ChosenSnapshot {
  std::unique_ptr<ReadingSession> session;
  Catalog catalog;
  const Snapshot* snapshot;  // in `catalog`
  std::string path;          // empty: all of it
};
absl::StatusOr<ChosenSnapshot> ChooseSnapshot(const ClientOptions& client,
                                              const ReadingOptions& options,
                                              const std::string& name);

}  // namespace nightsafe
