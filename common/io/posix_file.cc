#include "common/io/posix_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "common/base/status.h"

namespace nightsafe {
namespace {

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::StatusCode::kNotFound;
    case EEXIST:
    case ENOTEMPTY:
      return absl::StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

class MappedView final : public FileView {
 public:
  MappedView(void* data, size_t size) : data_(data), size_(size) {}
  MappedView(const MappedView&) = delete;
  MappedView& operator=(const MappedView&) = delete;
  ~MappedView() override { ::munmap(data_, size_); }
  ByteView bytes() const override {
    return {static_cast<const std::byte*>(data_), size_};
  }

 private:
  void* const data_;
  const size_t size_;
};

class PosixFile final : public File {
 public:
  PosixFile(int fd, absl::string_view path) : fd_(fd), path_(path) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset,
                                MutableBytes out) const override {
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = ::pread(fd_.get(), out.data() + done, out.size() - done,
                                static_cast<off_t>(offset + done));
      if (n == 0) break;
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return SystemError("read", path_, errno);
      done += static_cast<size_t>(n);
    }
    return done;
  }

  absl::Status WriteAt(uint64_t offset, ByteView bytes) override {
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n =
          ::pwrite(fd_.get(), bytes.data() + done, bytes.size() - done,
                   static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return SystemError("write", path_, errno);
      if (n == 0) return SystemError("write", path_, ENOSPC);
      done += static_cast<size_t>(n);
    }
    return absl::OkStatus();
  }

  absl::Status SyncData() override {
    if (::fdatasync(fd_.get()) == 0) return absl::OkStatus();
    return SystemError("sync", path_, errno);
  }

  void StartWriteback(uint64_t offset, uint64_t length) override {
    ::sync_file_range(fd_.get(), static_cast<off_t>(offset),
                      static_cast<off_t>(length), SYNC_FILE_RANGE_WRITE);
  }

  absl::Status Allocate(uint64_t length) override {
    const int error =
        ::posix_fallocate(fd_.get(), 0, static_cast<off_t>(length));
    if (error == 0) return absl::OkStatus();
    return SystemError("reserve space for", path_, error);
  }

  absl::StatusOr<uint64_t> Size() const override {
    struct stat info;
    if (::fstat(fd_.get(), &info) != 0) {
      return SystemError("stat", path_, errno);
    }
    return static_cast<uint64_t>(info.st_size);
  }

  absl::StatusOr<std::unique_ptr<FileView>> View() const override {
    NS_ASSIGN_OR_RETURN(const uint64_t size, Size());
    if (size == 0) return File::View();  // nothing to map
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd_.get(), 0);
    if (data == MAP_FAILED) return SystemError("map", path_, errno);
    return std::make_unique<MappedView>(data, size);
  }

  void DropCache() const override {
    ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
  }

 private:
  const Descriptor fd_;
  const std::string path_;
};

}  // namespace

absl::Status SystemError(absl::string_view verb, absl::string_view path,
                         int error) {
  return absl::Status(CodeOf(error), absl::StrCat("cannot ", verb, " ", path,
                                                  ": ", std::strerror(error)));
}

std::unique_ptr<File> NewPosixFile(int fd, absl::string_view path) {
  return std::make_unique<PosixFile>(fd, path);
}

}  // namespace nightsafe
