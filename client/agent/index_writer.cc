#include "client/agent/index_writer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/base/cursor.h"
#include "common/base/kill_point.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr size_t kBufferBytes = 256 << 10;

}  // namespace

IndexWriter::IndexWriter(FileSystem& fs, const std::string& path,
                         const IndexIdentity& identity, const DomainKeys& keys)
    : mac_(IndexMacKey(keys).view()) {
  auto file = fs.Create(path, 0600);
  if (file.ok()) {
    file_ = *std::move(file);
  } else {
    status_ = file.status();
  }
  Append(kIndexMagic);
  Append(identity.text());
}

IndexWriter::~IndexWriter() = default;

void IndexWriter::Add(const IndexedEntry& entry,
                      const std::vector<IndexedExtent>& extents) {
  record_.clear();
  if (!any_directory_ || entry.directory != directory_) {
    any_directory_ = true;
    directory_ = std::string(entry.directory);
    PutU32(static_cast<uint32_t>(1 + directory_.size()), record_);
    PutU8(kIndexDirectory, record_);
    record_ += directory_;
  }
  const size_t start = record_.size();
  PutU32(0, record_);  // the length, below
  PutU8(kIndexEntry, record_);
  PutU16(static_cast<uint16_t>(entry.name.size()), record_);
  record_.append(entry.name.data(), entry.name.size());
  PutStamp(entry.stamp, record_);
  PutU64(static_cast<uint64_t>(entry.read_at), record_);
  PutU64(entry.link_group, record_);
  PutLengthPrefixed(AsBytes(entry.entry), record_);
  for (const IndexedExtent& extent : extents) PutExtent(extent);
  std::string length;
  PutU32(static_cast<uint32_t>(record_.size() - start - 4), length);
  record_.replace(start, 4, length);
  Append(record_);
}

void IndexWriter::PutExtent(const IndexedExtent& item) {
  const uint64_t position = written_ + buffer_.size() + record_.size();
  const uint32_t number = item.extent.hole ? 0 : 1 + NumberOf(item.extent);
  PutU32(number, record_);
  PutU32(item.extent.offset, record_);
  PutU64(item.extent.length, record_);
  AppendBytes(item.fingerprint.view(), record_);
  if (number != 0) {
    fingerprints_.emplace_back(FingerprintPrefix(item.fingerprint), position);
  }
}

uint32_t IndexWriter::NumberOf(const FileExtent& extent) {
  const auto [it, added] = numbers_.try_emplace(
      extent.object.id, static_cast<uint32_t>(objects_.size()));
  if (added) objects_.push_back({extent.object, 0});
  objects_[it->second].live_bytes += extent.length;
  return it->second;
}

void IndexWriter::AddNode(const ObjectId& id) { nodes_.push_back(id); }

absl::Status IndexWriter::Finish(const SnapshotId& snapshot) {
  std::string footer(snapshot.text());
  const auto put_end = [this, &footer] {
    PutU64(written_ + buffer_.size(), footer);
  };
  put_end();
  std::string item;
  for (const Object& object : objects_) {
    item.clear();
    AppendBytes(object.ref.id.view(), item);
    AppendBytes(object.ref.key.view(), item);
    PutU32(object.ref.plain_length, item);
    PutU32(static_cast<uint32_t>(std::min<uint64_t>(
               object.live_bytes, std::numeric_limits<uint32_t>::max())),
           item);
    Append(item);
  }
  put_end();
  std::sort(fingerprints_.begin(), fingerprints_.end());
  for (const auto& [prefix, position] : fingerprints_) {
    item.clear();
    PutU64(prefix, item);
    PutU64(position, item);
    Append(item);
  }
  put_end();
  for (const ObjectId& id : nodes_) Append(id.text());
  put_end();
  Append(footer);
  WriteBuffer();
  const Hash32 mac = mac_.Finish();
  Append(AsText(ByteView(mac)));
  WriteBuffer();
  file_.reset();
  return status_;
}

void IndexWriter::Append(absl::string_view bytes) {
  buffer_.append(bytes.data(), bytes.size());
  if (buffer_.size() >= kBufferBytes) WriteBuffer();
}

void IndexWriter::WriteBuffer() {
  mac_.Update(AsBytes(buffer_));
  if (status_.ok()) status_ = file_->WriteAt(written_, AsBytes(buffer_));
  NS_KILL_POINT("agent.index-buffer");
  written_ += buffer_.size();
  buffer_.clear();
}

}  // namespace nightsafe
