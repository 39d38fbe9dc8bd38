#include "client/agent/index_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/crypto/blake3.h"
#include "common/io/durable_file.h"
#include "common/tree/path_key.h"

namespace nightsafe {
namespace {

constexpr size_t kLeastBytes =
    kIndexHeaderBytes + kIndexFooterBytes + kIndexMacBytes;
constexpr size_t kReadBytes = 1 << 20;

absl::Status Damaged(absl::string_view why) {
  return absl::DataLossError(absl::StrCat("the index is not usable: ", why));
}

uint64_t TakeU64(ByteView bytes) { return ByteCursor(bytes).U64(); }

// Reads all of it, so that a bad disk is an error here and not a signal when
// the view meets it.
absl::Status CheckMac(const File& file, const DomainKeys& keys) {
  const auto size = file.Size();
  if (!size.ok()) return Damaged(size.status().message());
  if (*size < kLeastBytes) return Damaged("it ends early");
  Blake3 mac(IndexMacKey(keys).view());
  std::string piece(kReadBytes, '\0');
  const uint64_t end = *size - kIndexMacBytes;
  for (uint64_t at = 0; at < end; at += piece.size()) {
    piece.resize(std::min<uint64_t>(kReadBytes, end - at));
    const auto got = file.ReadAt(at, AsMutableBytes(piece));
    if (!got.ok()) return Damaged(got.status().message());
    if (*got != piece.size()) return Damaged("it ends early");
    mac.Update(AsBytes(piece));
  }
  const auto stored = ReadExactly(file, end, kIndexMacBytes);
  if (!stored.ok()) return Damaged(stored.status().message());
  const Hash32 hash = mac.Finish();
  if (AsText(ByteView(hash)) == *stored) return absl::OkStatus();
  return Damaged("its checksum is wrong");
}

}  // namespace

absl::StatusOr<std::unique_ptr<IndexReader>> IndexReader::Open(
    FileSystem& fs, const std::string& path, const IndexIdentity& identity,
    const DomainKeys& keys, const SnapshotId& snapshot) {
  auto file = fs.OpenForRead(path);
  if (absl::IsNotFound(file.status())) {
    return absl::NotFoundError("there is no index");
  }
  if (!file.ok()) return Damaged(file.status().message());
  NS_RETURN_IF_ERROR(CheckMac(**file, keys));
  auto view = (*file)->View();
  if (!view.ok()) return Damaged(view.status().message());
  std::unique_ptr<IndexReader> reader(new IndexReader);
  reader->view_ = *std::move(view);
  reader->all_ = reader->view_->bytes();
  NS_RETURN_IF_ERROR(reader->CheckSections(identity, snapshot));
  return reader;
}

absl::Status IndexReader::CheckSections(const IndexIdentity& identity,
                                        const SnapshotId& snapshot) {
  if (all_.size() < kLeastBytes) return Damaged("it ends early");
  const ByteView body = all_.first(all_.size() - kIndexMacBytes);
  if (AsText(body.first(kIndexMagic.size())) != kIndexMagic ||
      AsText(body.subspan(kIndexMagic.size(), 32)) != identity.text()) {
    return Damaged("it belongs to another server, vault, key or set");
  }
  ByteCursor footer(body.last(kIndexFooterBytes));
  if (footer.TakeId<SnapshotId>() != snapshot) {
    return Damaged("it is not of the last snapshot");
  }
  const uint64_t limit = body.size() - kIndexFooterBytes;
  uint64_t ends[5] = {kIndexHeaderBytes};
  for (size_t i = 1; i < 5; ++i) {
    ends[i] = footer.U64();
    if (ends[i] < ends[i - 1] || ends[i] > limit) return Damaged("bad section");
  }
  records_ = Section(ends[0], ends[1]);
  objects_ = Section(ends[1], ends[2]);
  fingerprints_ = Section(ends[2], ends[3]);
  nodes_ = Section(ends[3], ends[4]);
  if (objects_.size() % kIndexObjectBytes != 0 ||
      fingerprints_.size() % kIndexFingerprintBytes != 0 ||
      nodes_.size() % ObjectId::kSize != 0) {
    return Damaged("bad section");
  }
  return absl::OkStatus();
}

ByteView IndexReader::Section(uint64_t from, uint64_t to) const {
  return all_.subspan(from, to - from);
}

void IndexReader::Exclude(const absl::flat_hash_set<ObjectId>& objects) {
  const size_t count = objects_.size() / kIndexObjectBytes;
  excluded_.resize(count, false);
  for (size_t i = 0; i < count; ++i) {
    if (objects.contains(ObjectId::FromValidBytes(
            objects_.subspan(i * kIndexObjectBytes)))) {
      excluded_[i] = true;
    }
  }
}

std::optional<IndexReader::Extent> IndexReader::DecodeExtent(
    ByteView bytes) const {
  ByteCursor cursor(bytes);
  Extent extent;
  extent.number = cursor.U32();
  extent.offset = cursor.U32();
  extent.length = cursor.U64();
  extent.fingerprint = cursor.TakeId<Fingerprint>();
  if (cursor.failed() || extent.number > objects_.size() / kIndexObjectBytes) {
    return std::nullopt;
  }
  return extent;
}

ObjectRef IndexReader::Object(uint32_t number) const {
  ByteCursor cursor(
      objects_.subspan((number - 1) * kIndexObjectBytes, kIndexObjectBytes));
  ObjectRef ref;
  ref.id = cursor.TakeId<ObjectId>();
  ref.key = cursor.TakeId<MessageKey>();
  ref.plain_length = cursor.U32();
  return ref;
}

bool IndexReader::ObjectUsable(uint32_t number, double least_live) const {
  if (!excluded_.empty() && excluded_[number - 1]) return false;
  ByteCursor cursor(objects_.subspan((number - 1) * kIndexObjectBytes + 64, 8));
  const uint32_t plain_length = cursor.U32();
  const uint32_t live_bytes = cursor.U32();
  return live_bytes >= least_live * plain_length;
}

absl::StatusOr<std::vector<IndexedExtent>> IndexReader::Extents(
    const StoredEntry& entry) const {
  std::vector<IndexedExtent> extents;
  for (size_t at = 0; at < entry.extents.size(); at += kIndexExtentBytes) {
    const auto stored = DecodeExtent(entry.extents.subspan(at));
    if (!stored.has_value()) return Damaged("bad extent");
    IndexedExtent& extent = extents.emplace_back();
    extent.extent.hole = stored->number == 0;
    if (stored->number != 0) extent.extent.object = Object(stored->number);
    extent.extent.offset = stored->offset;
    extent.extent.length = stored->length;
    extent.fingerprint = stored->fingerprint;
  }
  return extents;
}

bool IndexReader::Usable(const StoredEntry& entry, double least_live) const {
  for (size_t at = 0; at < entry.extents.size(); at += kIndexExtentBytes) {
    const auto stored = DecodeExtent(entry.extents.subspan(at));
    if (!stored.has_value()) return false;
    if (stored->number != 0 && !ObjectUsable(stored->number, least_live)) {
      return false;
    }
  }
  return true;
}

std::optional<FileExtent> IndexReader::Find(const Fingerprint& fingerprint,
                                            double least_live) const {
  const uint64_t prefix = FingerprintPrefix(fingerprint);
  size_t low = 0;
  size_t high = fingerprints_.size() / kIndexFingerprintBytes;
  const auto prefix_at = [this](size_t i) {
    return TakeU64(fingerprints_.subspan(i * kIndexFingerprintBytes, 8));
  };
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (prefix_at(middle) < prefix) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const size_t count = fingerprints_.size() / kIndexFingerprintBytes;
  for (; low < count && prefix_at(low) == prefix; ++low) {
    const uint64_t position =
        TakeU64(fingerprints_.subspan(low * kIndexFingerprintBytes + 8, 8));
    if (position > all_.size() - kIndexExtentBytes) return std::nullopt;
    const auto extent = DecodeExtent(all_.subspan(position, kIndexExtentBytes));
    if (extent.has_value() && extent->number != 0 &&
        extent->fingerprint == fingerprint &&
        ObjectUsable(extent->number, least_live)) {
      return FileExtent{false, Object(extent->number), extent->offset,
                        extent->length};
    }
  }
  return std::nullopt;
}

absl::flat_hash_set<ObjectId> IndexReader::Nodes() const {
  absl::flat_hash_set<ObjectId> nodes;
  for (size_t at = 0; at < nodes_.size(); at += ObjectId::kSize) {
    nodes.insert(ObjectId::FromValidBytes(nodes_.subspan(at)));
  }
  return nodes;
}

IndexCursor::IndexCursor(const IndexReader& reader)
    : records_(reader.records_) {}

bool IndexCursor::Advance() {
  has_current_ = false;
  while (!records_.rest().empty()) {
    ByteCursor record(records_.Take(records_.U32()));
    const uint8_t kind = record.U8();
    if (records_.failed() || record.failed()) return false;
    if (kind == kIndexDirectory) {
      directory_ = AsText(record.rest());
      continue;
    }
    current_ = {};
    current_.entry.directory = directory_;
    current_.entry.name = AsText(record.Take(record.U16()));
    current_.entry.stamp = TakeStamp(record);
    current_.entry.read_at = static_cast<int64_t>(record.U64());
    current_.entry.link_group = record.U64();
    current_.entry.entry = AsText(record.Take(record.U32()));
    current_.extents = record.rest();
    if (record.failed() || current_.extents.size() % kIndexExtentBytes != 0) {
      return false;
    }
    has_current_ = true;
    return true;
  }
  return false;
}

const StoredEntry* IndexCursor::Next() {
  return Advance() ? &current_ : nullptr;
}

const StoredEntry* IndexCursor::Find(absl::string_view directory,
                                     absl::string_view name) {
  if (!has_current_ && !Advance()) return nullptr;
  for (;;) {
    const bool same_directory = current_.entry.directory == directory;
    const auto order = same_directory ? current_.entry.name.compare(name) <=> 0
                                      : ComparePaths(current_.entry.directory,
                                                     directory) <=> 0;
    if (order == 0) return &current_;
    if (order > 0) return nullptr;
    if (!Advance()) return nullptr;
  }
}

}  // namespace nightsafe
