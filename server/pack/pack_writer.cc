#include "server/pack/pack_writer.h"

#include <algorithm>

#include "common/base/kill_point.h"
#include "common/base/status.h"

namespace nightsafe {

PackWriter::PackWriter(FileSystem& fs, absl::string_view directory,
                       const PackIdentity& identity, std::unique_ptr<File> file)
    : fs_(fs),
      directory_(directory),
      identity_(identity),
      file_(std::move(file)) {}

absl::StatusOr<std::unique_ptr<PackWriter>> PackWriter::Create(
    FileSystem& fs, absl::string_view directory, const PackIdentity& identity) {
  const std::string path =
      absl::StrCat(directory, "/", PackFileName(identity.pack));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, fs.Create(path, 0640));
  NS_KILL_POINT("pack.created");
  std::unique_ptr<PackWriter> writer(
      new PackWriter(fs, directory, identity, std::move(file)));
  const absl::Status status =
      writer->Write(AsBytes(EncodePackHeader(identity)));
  NS_KILL_POINT("pack.header-written");
  if (status.ok()) return writer;
  // Nothing refers to it; if this fails too, a start finds nothing in it.
  fs.Unlink(path).IgnoreError();
  return status;
}

// The only write of a pack: at its end, once.
absl::Status PackWriter::Write(ByteView bytes) {
  failure_ = file_->WriteAt(length_, bytes);
  NS_RETURN_IF_ERROR(failure_);
  length_ += bytes.size();
  if (length_ - writeback_started_ >= kPackWritebackBytes) {
    file_->StartWriteback(writeback_started_, length_ - writeback_started_);
    writeback_started_ = length_;
  }
  return absl::OkStatus();
}

absl::StatusOr<PackEntry> PackWriter::Append(const PackObject& object) {
  NS_RETURN_IF_ERROR(failure_);
  if (object.bytes.size() < kMinObjectBytes ||
      object.bytes.size() > kMaxObjectBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("object of ", object.bytes.size(), " bytes, allowed are ",
                     kMinObjectBytes, " to ", kMaxObjectBytes));
  }
  const uint64_t added = kPackRecordHeaderBytes + object.bytes.size();
  if (length_ + added > kMaxPackBytes || entries_.size() >= kMaxPackRecords) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "pack is full: ", length_, " bytes, ", entries_.size(),
        " objects; limits ", kMaxPackBytes, " and ", kMaxPackRecords));
  }
  const PackEntry entry{
      .id = object.id,
      .offset = length_ + kPackRecordHeaderBytes,
      .length = static_cast<uint32_t>(object.bytes.size()),
      .kind = object.kind,
      .domain_number = object.domain_number,
      .writer = object.writer,
  };
  scratch_.clear();
  EncodeRecordHeader(identity_.marker, entry, scratch_);
  AppendBytes(object.bytes, scratch_);
  NS_KILL_POINT("pack.before-append");
  NS_RETURN_IF_ERROR(Write(AsBytes(scratch_)));
  NS_KILL_POINT("pack.appended");
  entries_.push_back(entry);
  return entry;
}

absl::Status PackWriter::Sync() {
  NS_RETURN_IF_ERROR(failure_);
  return Synced(SyncFile(), length_);
}

absl::Status PackWriter::SyncFile() {
  NS_KILL_POINT("pack.before-sync");
  NS_RETURN_IF_ERROR(file_->SyncData());
  NS_KILL_POINT("pack.data-synced");
  if (!name_synced_) NS_RETURN_IF_ERROR(fs_.SyncDirectory(directory_));
  NS_KILL_POINT("pack.synced");
  name_synced_ = true;
  return absl::OkStatus();
}

absl::Status PackWriter::Synced(const absl::Status& status, uint64_t length) {
  // What was synced before an append failed stands all the same.
  if (status.ok()) synced_length_ = length;
  if (failure_.ok()) failure_ = status;
  return status;
}

Toc PackWriter::SyncedToc() const {
  Toc toc{.vault = identity_.vault,
          .pack = identity_.pack,
          .pack_class = identity_.pack_class,
          .pack_length = synced_length_};
  const auto lost = std::partition_point(
      entries_.begin(), entries_.end(),
      [this](const PackEntry& entry) { return entry.end() <= synced_length_; });
  toc.entries.assign(entries_.begin(), lost);
  return toc;
}

}  // namespace nightsafe
