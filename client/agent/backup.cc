#include "client/agent/backup.h"

#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/agent/index_reader.h"
#include "client/agent/pass.h"
#include "client/agent/remake.h"
#include "client/agent/state.h"
#include "client/agent/upload.h"
#include "common/base/kill_point.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/crypto/blake3.h"
#include "common/crypto/random.h"
#include "common/io/durable_file.h"
#include "common/snapshot/manifest.h"

namespace nightsafe {
namespace {

// Passes with the index, each of which heals what the one before brought to
// light; the one after them goes without.
constexpr int kHealingPasses = 3;

IndexIdentity IdentityOf(const BackupOptions& options, const DepositKey& key) {
  std::string epochs;
  PutU32(key.certificate.host_epoch(), epochs);
  PutU32(key.certificate.domain_epoch(), epochs);
  const Hash32 hash = DeriveHash(
      "nightsafe agent index identity v1",
      {options.connection.server.view(), AsBytes(key.certificate.vault_id()),
       AsBytes(key.certificate.host()), AsBytes(key.certificate.domain()),
       AsBytes(epochs), AsBytes(options.set)});
  return IndexIdentity::FromValidBytes(hash);
}

class Run {
 public:
  Run(const BackupOptions& options, const DepositKey& key, FileSystem& fs,
      const Clock& clock, const OnBackupProgress& on_progress)
      : options_(options),
        key_(key),
        fs_(fs),
        clock_(clock),
        on_progress_(on_progress),
        keys_(key.domain_secret),
        directory_(SetDirectory(options.state_directory, options.set)) {}

  absl::StatusOr<BackupResult> Go() {
    started_ = clock_.Now();
    NS_RETURN_IF_ERROR(Prepare());
    Report(BackupProgress::Phase::kConnecting);
    NS_ASSIGN_OR_RETURN(connection_,
                        Connection::Open(options_.connection, clock_));
    if (state_.pending.has_value()) NS_RETURN_IF_ERROR(SendPendingAgain());
    RemoveStrayFiles();
    NS_KILL_POINT("agent.strays-removed");
    session_ = RandomId<SessionId>();
    NS_ASSIGN_OR_RETURN(upload_, StartUpload(session_));
    NS_RETURN_IF_ERROR(RunPasses());
    NS_KILL_POINT("agent.before-old-index");
    upload_->Finish();
    RemoveStrayFiles();
    NS_KILL_POINT("agent.old-index-removed");
    return std::move(result_);
  }

 private:
  bool streams() const { return options_.stream_descriptor >= 0; }

  absl::Status Prepare() {
    NS_RETURN_IF_ERROR(ValidateName("set", options_.set));
    if (!streams()) {
      NS_ASSIGN_OR_RETURN(roots_, ResolveRoots(options_.roots));
    }
    NS_RETURN_IF_ERROR(MakeDirectoriesDurably(fs_, directory_, 0700));
    auto lock = fs_.Lock(absl::StrCat(directory_, "/lock"));
    if (absl::IsFailedPrecondition(lock.status())) {
      return absl::FailedPreconditionError(
          absl::StrCat("another backup of set ", options_.set, " is running"));
    }
    NS_RETURN_IF_ERROR(lock.status());
    lock_ = *std::move(lock);
    return LoadState();
  }

  absl::Status LoadState() {
    const IndexIdentity identity = IdentityOf(options_, key_);
    auto state = LoadSetState(fs_, directory_);
    if (state.ok() && state->identity == identity) {
      state_ = *std::move(state);
      return absl::OkStatus();
    }
    if (state.ok()) {
      Note(
          "the last backup of this set was made with another credential: a "
          "new chain of snapshots begins and everything is read");
    } else if (absl::IsDataLoss(state.status())) {
      Note(absl::StrCat(state.status().message(),
                        ": a new chain of snapshots begins"));
      state_.restarted = true;
    } else if (absl::IsNotFound(state.status())) {
      state_.restarted = true;
    } else {
      return state.status();
    }
    state_.identity = identity;
    if (!absl::IsNotFound(state.status())) return absl::OkStatus();
    NS_KILL_POINT("agent.before-first-state");
    return SaveSetState(fs_, directory_, state_);
  }

  absl::StatusOr<std::unique_ptr<Upload>> StartUpload(
      const SessionId& session) {
    UploadOptions options;
    options.open = {
        options_.set, session,
        state_.chain_counter == 0 ? "" : std::string(state_.head.text()),
        options_.agent_version};
    options.max_reconnects = options_.max_reconnects;
    options.first_wait = options_.first_wait;
    return Upload::Start(*connection_, std::move(options));
  }

  // The answer to the last commit never came.
  absl::Status SendPendingAgain() {
    // That run may have been killed before its state was durable, and the
    // server is not to make what this machine could forget.
    NS_RETURN_IF_ERROR(fs_.SyncDirectory(directory_));
    NS_ASSIGN_OR_RETURN(std::unique_ptr<Upload> upload,
                        StartUpload(state_.pending->session));
    NS_ASSIGN_OR_RETURN(const CommitReply reply,
                        upload->Commit(state_.pending->manifest));
    if (const auto* committed = std::get_if<CommittedReply>(&reply)) {
      NS_KILL_POINT("agent.resent-committed");
      NS_RETURN_IF_ERROR(Settle(*committed));
      NS_KILL_POINT("agent.resent-settled");
      Note(
          absl::StrCat("the run before was interrupted while it committed; "
                       "its snapshot ",
                       committed->snapshot.Hex().substr(0, 8), " is complete"));
    } else {
      state_.pending.reset();
      NS_RETURN_IF_ERROR(SaveSetState(fs_, directory_, state_));
    }
    upload->Finish();
    return absl::OkStatus();
  }

  absl::Status RunPasses() {
    std::unique_ptr<IndexReader> index = OpenLastIndex();
    absl::flat_hash_set<ObjectId> known_nodes;
    if (index != nullptr) known_nodes = index->Nodes();
    for (int pass = 1; pass <= kHealingPasses + 1; ++pass) {
      if (pass > kHealingPasses) index = nullptr;
      NS_ASSIGN_OR_RETURN(const CommitReply reply,
                          RunPass(pass, index.get(), std::move(known_nodes)));
      if (const auto* committed = std::get_if<CommittedReply>(&reply)) {
        return TakeCommitted(*committed);
      }
      const auto* incomplete = std::get_if<IncompleteReply>(&reply);
      if (incomplete == nullptr) {
        return absl::FailedPreconditionError(
            absl::StrCat("the server keeps set ", options_.set,
                         " as one with named snapshots; choose another --set"));
      }
      Note(absl::StrCat("the server lacked ", incomplete->missing.size(),
                        incomplete->more ? " or more" : "",
                        " objects of this snapshot; they are sent again"));
      if (streams()) break;  // what was read cannot be read again
      NS_RETURN_IF_ERROR(Heal(*incomplete, index));
      known_nodes.clear();
    }
    return GiveUp();
  }

  std::unique_ptr<IndexReader> OpenLastIndex() {
    if (options_.ignore_index || state_.index_name.empty()) return nullptr;
    auto index = IndexReader::Open(fs_, PathOf(state_.index_name),
                                   state_.identity, keys_, state_.head);
    if (index.ok()) return *std::move(index);
    Note(absl::StrCat(index.status().message(), "; everything is read"));
    return nullptr;
  }

  absl::StatusOr<CommitReply> RunPass(
      int number, const IndexReader* index,
      absl::flat_hash_set<ObjectId> known_nodes) {
    std::string index_name =
        absl::StrCat("index-", session_.Hex(), "-", number);
    IndexWriter writer(fs_, PathOf(index_name), state_.identity, keys_);
    PassInput input{keys_, options_.compression_level, index,
                    std::move(known_nodes), clock_};
    NS_ASSIGN_OR_RETURN(PassResult pass, ReadAll(input, writer));
    result_.totals = pass.totals;
    result_.problems = std::move(pass.problems);
    if (pass.links_overflowed) {
      Note("too many hard links: some are kept as separate files");
    }
    NS_ASSIGN_OR_RETURN(std::string manifest, MakeManifest(pass));
    manifest_id_ =
        SnapshotId::FromValidBytes(ObjectIdOf(AsBytes(manifest)).view());
    const absl::Status written = writer.Finish(manifest_id_);
    if (!written.ok()) {
      Note(
          absl::StrCat("the next backup reads everything, for the index could "
                       "not be written: ",
                       written.message()));
      index_name.clear();
    }
    NS_KILL_POINT("agent.index-written");
    state_.pending = PendingCommit{
        session_,
        manifest,
        index_name,
        state_.chain_counter + 1,
        {pass.totals.entries, pass.totals.file_bytes, pass.totals.unreadable}};
    NS_RETURN_IF_ERROR(SaveSetState(fs_, directory_, state_));
    NS_KILL_POINT("agent.pending-saved");
    Report(BackupProgress::Phase::kCommitting);
    return upload_->Commit(std::move(manifest));
  }

  absl::StatusOr<PassResult> ReadAll(const PassInput& input,
                                     IndexWriter& writer) {
    Pass pass(input, *upload_, writer, on_progress_);
    if (streams()) {
      return pass.RunStream(options_.stream_descriptor, options_.stream_name);
    }
    return pass.RunWalk({roots_, options_.state_directory});
  }

  absl::StatusOr<std::string> MakeManifest(const PassResult& pass) {
    const BackupProgress& totals = pass.totals;
    v1::format::ManifestClear clear;
    clear.set_set(options_.set);
    clear.set_chain_counter(state_.chain_counter + 1);
    if (state_.chain_counter > 0) {
      clear.set_previous_manifest(std::string(state_.head.text()));
    }
    clear.set_restarted(state_.chain_counter == 0 && state_.restarted);
    clear.set_method(streams() ? v1::format::DUMP : v1::format::FILES);
    clear.set_consistency(options_.consistency);
    clear.set_started_unix_ns(absl::ToUnixNanos(started_));
    clear.set_finished_unix_ns(absl::ToUnixNanos(clock_.Now()));
    clear.set_rounded_entries(RoundedCount(totals.entries));
    clear.set_rounded_bytes(RoundedCount(totals.file_bytes));
    clear.set_unreadable_entries(static_cast<uint32_t>(totals.unreadable));
    clear.set_session(std::string(session_.text()));
    v1::format::ManifestSealed sealed;
    v1::format::Statistics& statistics = *sealed.mutable_statistics();
    statistics.set_entries(totals.entries);
    statistics.set_files(totals.files);
    statistics.set_directories(totals.directories);
    statistics.set_file_bytes(totals.file_bytes);
    statistics.set_unreadable(totals.unreadable);
    statistics.set_changed_while_read(totals.changed);
    std::string configuration;
    for (const std::string& root : roots_) {
      sealed.add_roots(root);
      PutLengthPrefixed(AsBytes(root), configuration);
    }
    const Hash32 digest =
        DeriveHash("nightsafe agent configuration v1",
                   {AsBytes(options_.set), AsBytes(configuration)});
    sealed.set_configuration_digest(std::string(AsText(digest)));
    sealed.set_agent_version(options_.agent_version);
    return SealManifest(key_, std::move(clear), std::move(sealed), pass.root);
  }

  absl::Status TakeCommitted(const CommittedReply& committed) {
    NS_KILL_POINT("agent.committed");
    if (committed.snapshot != manifest_id_) {
      return absl::DataLossError("the server committed another snapshot");
    }
    NS_RETURN_IF_ERROR(Settle(committed));
    NS_KILL_POINT("agent.settled");
    result_.snapshot = committed.snapshot;
    result_.received = committed.received;
    result_.sequence = committed.sequence;
    const UploadFigures uploaded = upload_->figures();
    result_.totals.new_objects = uploaded.put_objects;
    result_.totals.sent_bytes = uploaded.sent_bytes;
    return absl::OkStatus();
  }

  // What was pending is the new head of the chain.
  absl::Status Settle(const CommittedReply& committed) {
    state_.head = committed.snapshot;
    state_.received = committed.received;
    state_.chain_counter = state_.pending->chain_counter;
    state_.figures = state_.pending->figures;
    state_.index_name = state_.pending->index_name;
    state_.restarted = false;
    state_.pending.reset();
    return SaveSetState(fs_, directory_, state_);
  }

  // Makes anew what the files still give, and sets `index` to that of the pass
  // just made, without what is still missing.
  absl::Status Heal(const IncompleteReply& incomplete,
                    std::unique_ptr<IndexReader>& index) {
    absl::flat_hash_set<ObjectId> missing(incomplete.missing.begin(),
                                          incomplete.missing.end());
    const std::string name = state_.pending->index_name;
    index = nullptr;
    if (name.empty()) return absl::OkStatus();
    auto opened = IndexReader::Open(fs_, PathOf(name), state_.identity, keys_,
                                    manifest_id_);
    if (!opened.ok()) return absl::OkStatus();  // then all is read again
    NS_ASSIGN_OR_RETURN(const absl::flat_hash_set<ObjectId> remade,
                        RemakeObjects(**opened, missing, keys_,
                                      options_.compression_level, *upload_));
    NS_KILL_POINT("agent.remade");
    for (const ObjectId& id : remade) missing.erase(id);
    (*opened)->Exclude(missing);
    // Nodes of this snapshot are made again as they were in any case.
    for (const ObjectId& id : (*opened)->Nodes()) missing.erase(id);
    if (!missing.empty()) Note(DescribeLost(missing.size()));
    index = *std::move(opened);
    return absl::OkStatus();
  }

  absl::Status GiveUp() {
    state_.pending.reset();
    state_.index_name.clear();
    NS_RETURN_IF_ERROR(SaveSetState(fs_, directory_, state_));
    return absl::AbortedError(
        streams() ? "the server had lost objects of the last snapshot, and "
                    "standard input cannot be read twice; run it again"
                  : "the server still lacks objects that were sent to it: see "
                    "its log, run `nightsafe-admin scrub`, then try again");
  }

  std::string PathOf(absl::string_view name) const {
    return absl::StrCat(directory_, "/", name);
  }

  std::vector<std::string> NamesBeginningWith(absl::string_view prefix) {
    std::vector<std::string> found;
    auto names = fs_.List(directory_);
    if (!names.ok()) return found;
    for (std::string& name : *names) {
      if (absl::StartsWith(name, prefix)) found.push_back(std::move(name));
    }
    return found;
  }

  // Of runs that did not come to their end. What cannot be removed now will be
  // by a later run.
  void RemoveStrayFiles() {
    std::vector<std::string> stray = NamesBeginningWith("state.tmp.");
    for (std::string& name : NamesBeginningWith("index-")) {
      const bool pending =
          state_.pending.has_value() && state_.pending->index_name == name;
      if (name != state_.index_name && !pending) stray.push_back(name);
    }
    for (const std::string& name : stray)
      fs_.Unlink(PathOf(name)).IgnoreError();
  }

  void Note(std::string note) { result_.notes.push_back(std::move(note)); }

  void Report(BackupProgress::Phase phase) {
    result_.totals.phase = phase;
    if (on_progress_) on_progress_(result_.totals);
  }

  const BackupOptions& options_;
  const DepositKey& key_;
  FileSystem& fs_;
  const Clock& clock_;
  const OnBackupProgress& on_progress_;
  const DomainKeys keys_;
  const std::string directory_;
  absl::Time started_;
  std::vector<std::string> roots_;
  std::unique_ptr<FileLock> lock_;
  SetState state_;
  std::unique_ptr<Connection> connection_;
  SessionId session_;
  SnapshotId manifest_id_;  // of the last pass
  std::unique_ptr<Upload> upload_;
  BackupResult result_;
};

}  // namespace

absl::StatusOr<BackupResult> RunBackup(const BackupOptions& options,
                                       const DepositKey& deposit_key,
                                       FileSystem& fs, const Clock& clock,
                                       const OnBackupProgress& on_progress) {
  InitCrypto();
  return Run(options, deposit_key, fs, clock, on_progress).Go();
}

}  // namespace nightsafe
