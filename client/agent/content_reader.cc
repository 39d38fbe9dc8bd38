#include "client/agent/content_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr size_t kBufferBytes = kMaxChunkBytes + kMinChunkBytes;
constexpr size_t kReadBytes = 1 << 20;

// Like pread, or read if `offset` is negative, but goes on after a signal.
ssize_t ReadSome(int descriptor, char* out, size_t size, int64_t offset) {
  for (;;) {
    const ssize_t count = offset < 0 ? read(descriptor, out, size)
                                     : pread(descriptor, out, size, offset);
    if (count >= 0 || errno != EINTR) return count;
  }
}

struct Segment {
  uint64_t begin = 0;  // of data; what lies before is a hole
  uint64_t end = 0;
};

// The next data at or after `from`, with holes too small to keep counted as
// data. An empty segment at `size`: none. File systems that know no holes say
// that all is data.
Segment NextSegment(int descriptor, uint64_t from, uint64_t size) {
  const auto seek = [descriptor, size](uint64_t offset, int whence) {
    const off_t found = lseek(descriptor, static_cast<off_t>(offset), whence);
    if (found < 0)
      return errno == ENXIO ? size : (whence == SEEK_DATA ? offset : size);
    return std::min(static_cast<uint64_t>(found), size);
  };
  Segment segment;
  segment.begin = seek(from, SEEK_DATA);
  if (segment.begin - from < kMinHoleBytes) segment.begin = from;
  segment.end = std::max(segment.begin, seek(segment.begin, SEEK_HOLE));
  while (segment.end < size) {
    const uint64_t data = seek(segment.end, SEEK_DATA);
    if (data - segment.end >= kMinHoleBytes) break;
    if (data >= size) {
      segment.end = size;
      break;
    }
    segment.end = seek(data, SEEK_HOLE);
  }
  return segment;
}

void AddHole(uint64_t length, FileRead& out) {
  if (length == 0) return;
  IndexedExtent& hole = out.content.extents.emplace_back().indexed;
  hole.extent.hole = true;
  hole.extent.length = length;
  out.bytes += length;
}

void AddExtent(PendingExtent extent, FileRead& out) {
  out.bytes += extent.indexed.extent.length;
  out.content.extents.push_back(std::move(extent));
}

FileRead Failed(int error) {
  FileRead out;
  out.error = error;
  return out;
}

}  // namespace

ContentReader::ContentReader(const DomainKeys& keys, KnownContent& known,
                             SealPool& pool, Assembler& assembler)
    : keys_(keys),
      chunker_(keys),
      known_(known),
      pool_(pool),
      assembler_(assembler) {}

absl::StatusOr<FileRead> ContentReader::ReadFile(int descriptor, uint64_t size,
                                                 double least_live) {
  FileRead out;
  if (size < kSmallFileBytes) {
    NS_RETURN_IF_ERROR(ReadSmall(descriptor, least_live, out));
    return out;
  }
  buffer_.resize(kBufferBytes);
  uint64_t at = 0;
  while (at < size && out.error == 0) {
    const Segment segment = NextSegment(descriptor, at, size);
    AddHole(segment.begin - at, out);
    NS_RETURN_IF_ERROR(
        ReadSegment(descriptor, segment.begin, segment.end, least_live, out));
    if (out.error == 0 && out.bytes < segment.end) break;  // truncated
    at = segment.end;
  }
  if (out.error != 0) return Failed(out.error);
  return out;
}

absl::StatusOr<FileRead> ContentReader::ReadStream(int descriptor) {
  FileRead out;
  buffer_.resize(kBufferBytes);
  buffered_ = 0;
  for (;;) {
    const ssize_t count =
        ReadSome(descriptor, buffer_.data() + buffered_,
                 std::min(kReadBytes, buffer_.size() - buffered_), -1);
    if (count < 0) return Failed(errno);
    buffered_ += static_cast<size_t>(count);
    read_bytes_ += static_cast<uint64_t>(count);
    NS_RETURN_IF_ERROR(CutBuffered(count == 0, kLeastLive, out));
    if (count == 0) return out;
  }
}

absl::Status ContentReader::ReadSmall(int descriptor, double least_live,
                                      FileRead& out) {
  if (buffer_.size() < kSmallFileBytes) buffer_.resize(kSmallFileBytes);
  // One byte less than a large file; more came since it was looked at.
  const size_t limit = kSmallFileBytes - 1;
  size_t length = 0;
  while (length < limit) {
    const ssize_t count =
        ReadSome(descriptor, buffer_.data() + length, limit - length,
                 static_cast<int64_t>(length));
    if (count < 0) {
      out = Failed(errno);
      return absl::OkStatus();
    }
    if (count == 0) break;
    length += static_cast<size_t>(count);
  }
  read_bytes_ += length;
  if (length == 0) return absl::OkStatus();
  const ByteView content = AsBytes({buffer_.data(), length});
  const Fingerprint fingerprint = keys_.FingerprintOf(content);
  if (auto known = known_.Find(fingerprint, length, least_live)) {
    AddExtent(*std::move(known), out);
    return absl::OkStatus();
  }
  return AddToBundle(fingerprint, content, out);
}

absl::Status ContentReader::ReadSegment(int descriptor, uint64_t begin,
                                        uint64_t end, double least_live,
                                        FileRead& out) {
  buffered_ = 0;
  uint64_t at = begin;
  while (at < end) {
    const uint64_t want =
        std::min<uint64_t>({kReadBytes, buffer_.size() - buffered_, end - at});
    const ssize_t count =
        ReadSome(descriptor, buffer_.data() + buffered_,
                 static_cast<size_t>(want), static_cast<int64_t>(at));
    if (count < 0) {
      out.error = errno;
      return absl::OkStatus();
    }
    buffered_ += static_cast<size_t>(count);
    read_bytes_ += static_cast<uint64_t>(count);
    at += static_cast<uint64_t>(count);
    const bool at_end = count == 0 || at == end;
    NS_RETURN_IF_ERROR(CutBuffered(at_end, least_live, out));
    if (count == 0) break;
  }
  return absl::OkStatus();
}

absl::Status ContentReader::CutBuffered(bool at_end, double least_live,
                                        FileRead& out) {
  size_t from = 0;
  while (from < buffered_) {
    const ByteView rest = AsBytes({buffer_.data() + from, buffered_ - from});
    const size_t cut = chunker_.NextCut(rest, at_end);
    if (cut == 0) break;
    NS_RETURN_IF_ERROR(AddChunk(rest.first(cut), least_live, out));
    from += cut;
  }
  std::memmove(buffer_.data(), buffer_.data() + from, buffered_ - from);
  buffered_ -= from;
  return absl::OkStatus();
}

absl::Status ContentReader::AddChunk(ByteView chunk, double least_live,
                                     FileRead& out) {
  const Fingerprint fingerprint = keys_.FingerprintOf(chunk);
  if (auto known = known_.Find(fingerprint, chunk.size(), least_live)) {
    AddExtent(*std::move(known), out);
    return absl::OkStatus();
  }
  auto job = std::make_shared<SealJob>();
  job->plain = std::string(AsText(chunk));
  known_.Remember(fingerprint, job, 0, chunk.size());
  PendingExtent extent;
  extent.indexed.extent.length = chunk.size();
  extent.indexed.fingerprint = fingerprint;
  extent.job = job;
  AddExtent(std::move(extent), out);
  return pool_.Submit(std::move(job));
}

absl::Status ContentReader::AddToBundle(const Fingerprint& fingerprint,
                                        ByteView content, FileRead& out) {
  if (bundle_ == nullptr) {
    bundle_ = std::make_shared<SealJob>();
    assembler_.Hold();
  }
  const auto offset = static_cast<uint32_t>(bundle_->plain.size());
  AppendBytes(content, bundle_->plain);
  known_.Remember(fingerprint, bundle_, offset, content.size());
  PendingExtent extent;
  extent.indexed.extent.offset = offset;
  extent.indexed.extent.length = content.size();
  extent.indexed.fingerprint = fingerprint;
  extent.job = bundle_;
  AddExtent(std::move(extent), out);
  if (!rule_.EndsAfter(fingerprint, content.size())) return absl::OkStatus();
  return EndBundle();
}

absl::Status ContentReader::EntryPushed(size_t encoded_bytes) {
  if (bundle_ == nullptr) return absl::OkStatus();
  ++entries_behind_;
  encoded_behind_ += encoded_bytes;
  if (entries_behind_ < kMaxBundleEntriesBehind &&
      encoded_behind_ < kMaxEncodedBytesBehind) {
    return absl::OkStatus();
  }
  return EndBundle();
}

absl::Status ContentReader::EndBundle() {
  rule_.Reset();
  entries_behind_ = 0;
  encoded_behind_ = 0;
  if (bundle_ == nullptr) return absl::OkStatus();
  assembler_.Release();
  return pool_.Submit(std::move(bundle_));
}

}  // namespace nightsafe
