#include "tests/support/index_env.h"

#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

// What fails is tried again and again.
constexpr int kMaxJobs = 4;

rocksdb::Status ToRocks(const absl::Status& status) {
  const std::string message(status.message());
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return rocksdb::Status::OK();
    case absl::StatusCode::kNotFound:
      return rocksdb::Status::NotFound(message);
    case absl::StatusCode::kResourceExhausted:
      return rocksdb::Status::NoSpace(message);
    default:
      return rocksdb::Status::IOError(message);
  }
}

rocksdb::Status ReadInto(const File& file, uint64_t offset, size_t length,
                         rocksdb::Slice* result, char* scratch) {
  const absl::StatusOr<size_t> got = file.ReadAt(
      offset, MutableBytes(reinterpret_cast<std::byte*>(scratch), length));
  *result = rocksdb::Slice(scratch, got.ok() ? *got : 0);
  return ToRocks(got.status());
}

class SequentialIndexFile final : public rocksdb::SequentialFile {
 public:
  explicit SequentialIndexFile(std::unique_ptr<File> file)
      : file_(std::move(file)) {}
  rocksdb::Status Read(size_t length, rocksdb::Slice* result,
                       char* scratch) override {
    rocksdb::Status status = ReadInto(*file_, at_, length, result, scratch);
    at_ += result->size();
    return status;
  }
  rocksdb::Status Skip(uint64_t length) override {
    at_ += length;
    return rocksdb::Status::OK();
  }

 private:
  const std::unique_ptr<File> file_;
  uint64_t at_ = 0;
};

class RandomIndexFile final : public rocksdb::RandomAccessFile {
 public:
  explicit RandomIndexFile(std::unique_ptr<File> file)
      : file_(std::move(file)) {}
  rocksdb::Status Read(uint64_t offset, size_t length, rocksdb::Slice* result,
                       char* scratch) const override {
    return ReadInto(*file_, offset, length, result, scratch);
  }

 private:
  const std::unique_ptr<File> file_;
};

class WritableIndexFile final : public rocksdb::WritableFile {
 public:
  explicit WritableIndexFile(std::unique_ptr<File> file)
      : file_(std::move(file)) {}
  using rocksdb::WritableFile::Append;
  rocksdb::Status Append(const rocksdb::Slice& bytes) override {
    const absl::Status status = file_->WriteAt(
        length_, AsBytes(absl::string_view(bytes.data(), bytes.size())));
    if (status.ok()) length_ += bytes.size();
    return ToRocks(status);
  }
  rocksdb::Status Close() override { return rocksdb::Status::OK(); }
  rocksdb::Status Flush() override { return rocksdb::Status::OK(); }
  rocksdb::Status Sync() override { return ToRocks(file_->SyncData()); }
  uint64_t GetFileSize() override { return length_; }

 private:
  const std::unique_ptr<File> file_;
  uint64_t length_ = 0;
};

class IndexDirectory final : public rocksdb::Directory {
 public:
  IndexDirectory(FileSystem& fs, const std::string& path)
      : fs_(fs), path_(path) {}
  rocksdb::Status Fsync() override { return ToRocks(fs_.SyncDirectory(path_)); }

 private:
  FileSystem& fs_;
  const std::string path_;
};

class HeldLock final : public rocksdb::FileLock {
 public:
  explicit HeldLock(std::unique_ptr<nightsafe::FileLock> lock)
      : lock_(std::move(lock)) {}

 private:
  const std::unique_ptr<nightsafe::FileLock> lock_;
};

class NoLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
  size_t GetLogFileSize() const override { return 0; }
};

template <typename Made, typename Base>
rocksdb::Status Wrap(absl::StatusOr<std::unique_ptr<File>> file,
                     std::unique_ptr<Base>* result) {
  if (file.ok()) *result = std::make_unique<Made>(*std::move(file));
  return ToRocks(file.status());
}

class FileSystemEnv final : public IndexEnv {
 public:
  explicit FileSystemEnv(FileSystem& fs)
      : IndexEnv(rocksdb::Env::Default()), fs_(fs) {}
  ~FileSystemEnv() override {
    for (std::thread& job : flushes_) job.join();
  }
  const char* Name() const override { return "FileSystemEnv"; }

  rocksdb::Status NewSequentialFile(
      const std::string& path, std::unique_ptr<rocksdb::SequentialFile>* file,
      const rocksdb::EnvOptions&) override {
    return Wrap<SequentialIndexFile>(fs_.OpenForRead(path), file);
  }
  rocksdb::Status NewRandomAccessFile(
      const std::string& path, std::unique_ptr<rocksdb::RandomAccessFile>* file,
      const rocksdb::EnvOptions&) override {
    return Wrap<RandomIndexFile>(fs_.OpenForRead(path), file);
  }
  rocksdb::Status NewWritableFile(const std::string& path,
                                  std::unique_ptr<rocksdb::WritableFile>* file,
                                  const rocksdb::EnvOptions&) override {
    auto made = fs_.Create(path, 0640);
    if (absl::IsAlreadyExists(made.status())) {
      const absl::Status removed = fs_.Unlink(path);
      if (!removed.ok()) return ToRocks(removed);
      made = fs_.Create(path, 0640);
    }
    return Wrap<WritableIndexFile>(std::move(made), file);
  }
  rocksdb::Status NewDirectory(
      const std::string& path,
      std::unique_ptr<rocksdb::Directory>* directory) override {
    *directory = std::make_unique<IndexDirectory>(fs_, path);
    return ToRocks(fs_.Stat(path).status());
  }
  rocksdb::Status FileExists(const std::string& path) override {
    return ToRocks(fs_.Stat(path).status());
  }
  rocksdb::Status GetChildren(const std::string& path,
                              std::vector<std::string>* names) override {
    auto listed = fs_.List(path);
    if (listed.ok()) *names = *std::move(listed);
    return ToRocks(listed.status());
  }
  rocksdb::Status DeleteFile(const std::string& path) override {
    return ToRocks(fs_.Unlink(path));
  }
  rocksdb::Status CreateDir(const std::string& path) override {
    return ToRocks(fs_.MakeDirectory(path, 0750));
  }
  rocksdb::Status CreateDirIfMissing(const std::string& path) override {
    return CreateDir(path);
  }
  rocksdb::Status DeleteDir(const std::string&) override {
    return rocksdb::Status::NotSupported("the directory stays");
  }
  rocksdb::Status GetFileSize(const std::string& path,
                              uint64_t* size) override {
    const auto info = fs_.Stat(path);
    if (info.ok()) *size = info->size_bytes;
    return ToRocks(info.status());
  }
  rocksdb::Status GetFileModificationTime(const std::string& path,
                                          uint64_t* time) override {
    *time = 0;
    return ToRocks(fs_.Stat(path).status());
  }
  rocksdb::Status IsDirectory(const std::string& path, bool* result) override {
    const auto info = fs_.Stat(path);
    *result = info.ok() && info->is_directory;
    return ToRocks(info.status());
  }
  rocksdb::Status RenameFile(const std::string& from,
                             const std::string& to) override {
    return ToRocks(fs_.Replace(from, to));
  }
  rocksdb::Status LinkFile(const std::string&, const std::string&) override {
    return rocksdb::Status::NotSupported("hard links");
  }
  rocksdb::Status ReopenWritableFile(const std::string&,
                                     std::unique_ptr<rocksdb::WritableFile>*,
                                     const rocksdb::EnvOptions&) override {
    return rocksdb::Status::NotSupported("reopening");
  }
  rocksdb::Status ReuseWritableFile(const std::string&, const std::string&,
                                    std::unique_ptr<rocksdb::WritableFile>*,
                                    const rocksdb::EnvOptions&) override {
    return rocksdb::Status::NotSupported("reuse");
  }
  rocksdb::Status LockFile(const std::string& path,
                           rocksdb::FileLock** lock) override {
    auto held = fs_.Lock(path);
    if (held.ok()) *lock = new HeldLock(*std::move(held));
    return ToRocks(held.status());
  }
  rocksdb::Status UnlockFile(rocksdb::FileLock* lock) override {
    delete lock;
    return rocksdb::Status::OK();
  }
  rocksdb::Status GetAbsolutePath(const std::string& path,
                                  std::string* absolute) override {
    *absolute = path;
    return rocksdb::Status::OK();
  }
  rocksdb::Status GetFreeSpace(const std::string& path,
                               uint64_t* bytes) override {
    const auto space = fs_.Space(path);
    if (space.ok()) *bytes = space->available_bytes;
    return ToRocks(space.status());
  }
  rocksdb::Status NewLogger(const std::string&,
                            std::shared_ptr<rocksdb::Logger>* logger) override {
    *logger = std::make_shared<NoLog>();
    return rocksdb::Status::OK();
  }
  rocksdb::Status GetCurrentTime(int64_t* seconds) override {
    *seconds = 1'700'000'000;
    return rocksdb::Status::OK();
  }
  std::string GenerateUniqueId() override {
    return "00000000-0000-4000-8000-000000000000";
  }

  void Schedule(void (*function)(void*), void* argument, Priority priority,
                void* tag, void (*unscheduled)(void*)) override {
    if (priority == HIGH) {
      // A foreground call may wait for it, also one on a thread like that.
      std::thread job(function, argument);
      absl::MutexLock lock(&mutex_);
      flushes_.push_back(std::move(job));
      return;
    }
    absl::MutexLock lock(&mutex_);
    waiting_.push_back({function, argument, tag, unscheduled, priority});
  }
  int UnSchedule(void* tag, Priority priority) override {
    if (priority == HIGH) return 0;
    std::deque<Job> removed;
    {
      absl::MutexLock lock(&mutex_);
      for (Job& job : std::exchange(waiting_, {})) {
        const bool meant = job.tag == tag && job.priority == priority;
        (meant ? removed : waiting_).push_back(job);
      }
    }
    for (const Job& job : removed) {
      if (job.unscheduled != nullptr) job.unscheduled(job.argument);
    }
    return static_cast<int>(removed.size());
  }
  void SleepForMicroseconds(int) override {}
  void RunBackground() override {
    for (int i = 0; i < kMaxJobs; ++i) {
      Job job;
      {
        absl::MutexLock lock(&mutex_);
        if (waiting_.empty()) return;
        job = waiting_.front();
        waiting_.pop_front();
      }
      job.function(job.argument);
    }
  }

 private:
  struct Job {
    void (*function)(void*) = nullptr;
    void* argument = nullptr;
    void* tag = nullptr;
    void (*unscheduled)(void*) = nullptr;
    Priority priority = LOW;
  };

  FileSystem& fs_;
  absl::Mutex mutex_;
  std::deque<Job> waiting_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> flushes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<IndexEnv> NewIndexEnv(FileSystem& fs) {
  return std::make_unique<FileSystemEnv>(fs);
}

}  // namespace nightsafe
