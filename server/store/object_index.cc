#include "server/store/object_index.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include "absl/strings/match.h"
#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "server/store/index_codec.h"

namespace nightsafe {
namespace {

constexpr size_t kBlockCacheBytes = 32 << 20;
constexpr size_t kWriteBufferBytes = 16 << 20;
constexpr double kBloomBitsPerKey = 10;

absl::string_view RebuildAdvice() {
  return "; it is derived data: run `nightsafed rebuild` on the data directory "
         "to make it again";
}

// A failed write leaves RocksDB read-only; nothing is retried here.
absl::Status FromRocks(const rocksdb::Status& status, absl::string_view what) {
  if (status.ok()) return absl::OkStatus();
  const std::string message =
      absl::StrCat("object index, ", what, ": ", status.ToString());
  if (status.IsCorruption()) {
    return absl::DataLossError(absl::StrCat(message, RebuildAdvice()));
  }
  if (status.IsNoSpace()) return absl::ResourceExhaustedError(message);
  return absl::UnavailableError(message);
}

ByteView ToBytes(const rocksdb::Slice& slice) {
  return AsBytes(absl::string_view(slice.data(), slice.size()));
}

// RocksDB's log in a file of its own ends the process by an assertion at the
// second line after one that a full disk did not take. Errors are returned too.
class NoLog final : public rocksdb::Logger {
 public:
  NoLog() : Logger(rocksdb::InfoLogLevel::FATAL_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// Keeps RocksDB from resuming by itself after a full disk: what it leaves
// behind when it meets the full disk again can end the process at a later
// write.
class NoResumption final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

rocksdb::Options DatabaseOptions(rocksdb::Env* env) {
  rocksdb::Options options;
  if (env != nullptr) options.env = env;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  // May drop synced batches behind a bad record without a word: start-up
  // compares IndexState with the journal for that reason.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.write_buffer_size = kWriteBufferBytes;
  options.max_write_buffer_number = 2;
  options.max_background_jobs = 2;
  options.max_open_files = 256;
  options.compression = rocksdb::kNoCompression;  // hashes do not shrink
  options.info_log = std::make_shared<NoLog>();
  options.listeners.push_back(std::make_shared<NoResumption>());
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

std::string CurrentPath(absl::string_view directory) {
  return absl::StrCat(directory, "/CURRENT");
}

absl::Status RemoveFiles(rocksdb::Env& env, absl::string_view directory) {
  if (env.FileExists(std::string(directory)).IsNotFound()) {
    return absl::OkStatus();
  }
  rocksdb::Options options;
  options.env = &env;
  options.info_log = std::make_shared<NoLog>();
  return FromRocks(rocksdb::DestroyDB(std::string(directory), options),
                   "removal");
}

absl::Status CheckVersion(rocksdb::DB& db) {
  const std::string key(1, static_cast<char>(IndexTable::kVersion));
  std::string value;
  const rocksdb::Status status = db.Get(rocksdb::ReadOptions(), key, &value);
  if (status.IsNotFound()) {
    return FromRocks(
        db.Put(rocksdb::WriteOptions(), key, EncodeNumber(kIndexVersion)),
        "write of the version");
  }
  NS_RETURN_IF_ERROR(FromRocks(status, "read of the version"));
  NS_ASSIGN_OR_RETURN(uint64_t version, DecodeNumber(AsBytes(value)));
  if (version == kIndexVersion) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "version ", version, ", this program writes version ", kIndexVersion));
}

// Calls `take` for each key that begins with `prefix`.
absl::Status ForEachKey(
    rocksdb::DB& db, const std::string& prefix,
    const std::function<absl::Status(ByteView, ByteView)>& take) {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(options));
  for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix);
       it->Next()) {
    NS_RETURN_IF_ERROR(take(ToBytes(it->key()), ToBytes(it->value())));
  }
  return FromRocks(it->status(), "scan");
}

absl::StatusOr<uint64_t> ReadNumber(rocksdb::DB& db, const std::string& key) {
  std::string value;
  const rocksdb::Status status = db.Get(rocksdb::ReadOptions(), key, &value);
  if (status.IsNotFound()) return uint64_t{0};
  NS_RETURN_IF_ERROR(FromRocks(status, "read"));
  return DecodeNumber(AsBytes(value));
}

}  // namespace

ObjectIndex::ObjectIndex(std::unique_ptr<rocksdb::Env> env,
                         absl::string_view directory)
    : env_(std::move(env)), directory_(directory) {}

ObjectIndex::~ObjectIndex() = default;

absl::Status ObjectIndex::OpenDatabase() {
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::Open(DatabaseOptions(env_.get()), directory_, &raw);
  std::shared_ptr<rocksdb::DB> db(raw);
  NS_RETURN_IF_ERROR(FromRocks(opened, "open"));
  NS_RETURN_IF_ERROR(CheckVersion(*db));
  db_ = std::move(db);
  full_ = false;
  return absl::OkStatus();
}

absl::Status ObjectIndex::OpenAgain() {
  absl::MutexLock lock(&mutex_);
  if (!full_) return absl::OkStatus();
  if (db_.use_count() > 1) {
    return absl::ResourceExhaustedError(
        "object index: its disk was full, and it is being read; try again");
  }
  db_.reset();
  absl::Status status = OpenDatabase();
  if (status.ok()) return status;
  // Reads need no room.
  rocksdb::DB* raw = nullptr;
  if (rocksdb::DB::OpenForReadOnly(DatabaseOptions(env_.get()), directory_,
                                   &raw)
          .ok()) {
    db_.reset(raw);
  }
  return status;
}

absl::StatusOr<std::shared_ptr<rocksdb::DB>> ObjectIndex::Database() const {
  absl::MutexLock lock(&mutex_);
  if (db_ == nullptr) {
    return absl::UnavailableError(
        "object index: closed since its disk was full; free space, then try "
        "again");
  }
  return db_;
}

absl::StatusOr<std::unique_ptr<ObjectIndex>> ObjectIndex::OpenIn(
    std::unique_ptr<rocksdb::Env> env, absl::string_view directory) {
  std::unique_ptr<ObjectIndex> index(
      new ObjectIndex(std::move(env), directory));
  absl::MutexLock lock(&index->mutex_);
  const absl::Status status = index->OpenDatabase();
  if (status.ok()) return index;
  if (absl::IsResourceExhausted(status)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        directory, " cannot be opened: ", status.message(),
        "; free space, then start again; all snapshots are intact"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      directory, " cannot be used: ", status.message(),
      absl::StrContains(status.message(), RebuildAdvice()) ? ""
                                                           : RebuildAdvice()));
}

absl::StatusOr<std::unique_ptr<ObjectIndex>> ObjectIndex::Open(
    absl::string_view directory, const IndexEnvFactory& env) {
  std::unique_ptr<rocksdb::Env> given = env ? env() : nullptr;
  rocksdb::Env& used = given != nullptr ? *given : *rocksdb::Env::Default();
  if (used.FileExists(CurrentPath(directory)).IsNotFound()) {
    // What an interrupted removal left would be in the way.
    NS_RETURN_IF_ERROR(RemoveFiles(used, directory));
  }
  return OpenIn(std::move(given), directory);
}

absl::StatusOr<std::unique_ptr<ObjectIndex>> ObjectIndex::OpenInMemory() {
  return OpenIn(std::unique_ptr<rocksdb::Env>(
                    rocksdb::NewMemEnv(rocksdb::Env::Default())),
                "/index");
}

absl::Status ObjectIndex::Destroy(absl::string_view directory,
                                  const IndexEnvFactory& env) {
  const std::unique_ptr<rocksdb::Env> given = env ? env() : nullptr;
  rocksdb::Env& used = given != nullptr ? *given : *rocksdb::Env::Default();
  const std::string current = CurrentPath(directory);
  // First and durably what makes the rest a database: an interrupted removal
  // leaves none, not a part of one.
  if (used.FileExists(current).ok()) {
    NS_RETURN_IF_ERROR(FromRocks(used.DeleteFile(current), "removal"));
    std::unique_ptr<rocksdb::Directory> names;
    NS_RETURN_IF_ERROR(FromRocks(
        used.NewDirectory(std::string(directory), &names), "removal"));
    NS_RETURN_IF_ERROR(FromRocks(names->Fsync(), "removal"));
    NS_KILL_POINT("rebuild.current-removed");
  }
  return RemoveFiles(used, directory);
}

bool ObjectIndex::IsAbsent(absl::string_view directory) {
  return rocksdb::Env::Default()
      ->FileExists(CurrentPath(directory))
      .IsNotFound();
}

absl::StatusOr<std::vector<std::optional<ObjectLocation>>> ObjectIndex::Find(
    const VaultId& vault, uint32_t domain_number,
    std::span<const ObjectId> ids) const {
  std::vector<std::string> keys;
  keys.reserve(ids.size());
  for (const ObjectId& id : ids) {
    keys.push_back(ObjectKey(vault, domain_number, id));
  }
  const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  NS_ASSIGN_OR_RETURN(std::shared_ptr<rocksdb::DB> db, Database());
  db->MultiGet(rocksdb::ReadOptions(), db->DefaultColumnFamily(), slices.size(),
               slices.data(), values.data(), statuses.data());
  std::vector<std::optional<ObjectLocation>> found(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].IsNotFound()) continue;
    NS_RETURN_IF_ERROR(FromRocks(statuses[i], "lookup"));
    NS_ASSIGN_OR_RETURN(found[i], DecodeLocation(ToBytes(values[i])));
  }
  return found;
}

absl::Status ObjectIndex::Write(const VaultId& vault, const IndexBatch& batch,
                                bool sync) {
  rocksdb::WriteBatch writes;
  for (const IndexEntry& entry : batch.objects) {
    writes.Put(ObjectKey(vault, entry.domain_number, entry.id),
               EncodeLocation(entry.location));
  }
  for (const auto& [domain_number, id] : batch.erased) {
    writes.Delete(ObjectKey(vault, domain_number, id));
  }
  for (const auto& [pack, length] : batch.indexed_lengths) {
    writes.Put(PackKey(vault, pack), EncodeNumber(length));
  }
  if (batch.journal_records) {
    writes.Put(IndexPrefix(IndexTable::kJournal, vault),
               EncodeNumber(*batch.journal_records));
  }
  rocksdb::WriteOptions options;
  options.sync = sync;
  NS_RETURN_IF_ERROR(OpenAgain());
  NS_ASSIGN_OR_RETURN(std::shared_ptr<rocksdb::DB> db, Database());
  NS_KILL_POINT("index.before-write");
  const rocksdb::Status status = db->Write(options, &writes);
  NS_KILL_POINT("index.written");
  if (status.IsNoSpace()) {
    absl::MutexLock lock(&mutex_);
    full_ = true;
  }
  return FromRocks(status, "write");
}

absl::StatusOr<IndexState> ObjectIndex::State(const VaultId& vault) const {
  IndexState state;
  NS_ASSIGN_OR_RETURN(std::shared_ptr<rocksdb::DB> db, Database());
  NS_ASSIGN_OR_RETURN(
      state.journal_records,
      ReadNumber(*db, IndexPrefix(IndexTable::kJournal, vault)));
  NS_RETURN_IF_ERROR(ForEachKey(
      *db, IndexPrefix(IndexTable::kPack, vault),
      [&](ByteView key, ByteView value) -> absl::Status {
        NS_ASSIGN_OR_RETURN(PackId pack, DecodePackKey(key));
        NS_ASSIGN_OR_RETURN(state.indexed_lengths[pack], DecodeNumber(value));
        return absl::OkStatus();
      }));
  return state;
}

absl::Status ObjectIndex::ForEach(
    const VaultId& vault,
    const std::function<absl::Status(const IndexEntry&)>& take) const {
  NS_ASSIGN_OR_RETURN(std::shared_ptr<rocksdb::DB> db, Database());
  return ForEachKey(*db, IndexPrefix(IndexTable::kObject, vault),
                    [&](ByteView key, ByteView value) -> absl::Status {
                      NS_ASSIGN_OR_RETURN(IndexEntry entry,
                                          DecodeEntry(key, value));
                      return take(entry);
                    });
}

absl::Status ObjectIndex::Erase(const VaultId& vault) {
  rocksdb::WriteBatch writes;
  for (IndexTable table :
       {IndexTable::kObject, IndexTable::kPack, IndexTable::kJournal}) {
    const std::string begin = IndexPrefix(table, vault);
    // Every key with this prefix is at most 52 bytes longer.
    const std::string end = begin + std::string(64, '\xff');
    writes.DeleteRange(begin, end);
  }
  rocksdb::WriteOptions options;
  options.sync = true;
  NS_ASSIGN_OR_RETURN(std::shared_ptr<rocksdb::DB> db, Database());
  return FromRocks(db->Write(options, &writes), "erasure");
}

}  // namespace nightsafe
