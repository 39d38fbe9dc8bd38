#include "server/journal/journal_writer.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "common/base/check.h"
#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "common/crypto/random.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

using TemporaryId = Id<struct TemporaryIdTag, 8>;

// So that nothing an earlier run left unsynced, or the kernel failed to write,
// is believed.
absl::Status SyncTail(FileSystem& fs, absl::string_view directory) {
  NS_ASSIGN_OR_RETURN(std::vector<std::string> names, fs.List(directory));
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (!absl::EndsWith(*name, ".seg")) continue;
    NS_ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                        fs.OpenForRead(absl::StrCat(directory, "/", *name)));
    NS_RETURN_IF_ERROR(file->SyncData());
    NS_KILL_POINT("journal.tail-synced");
    file->DropCache();
    break;
  }
  return fs.SyncDirectory(directory);
}

absl::Status CheckRecords(std::span<const std::string> records) {
  uint64_t framed = 0;
  for (const std::string& record : records) {
    if (record.empty() || record.size() > kMaxJournalRecordBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("journal record of ", record.size(),
                       " bytes, allowed are 1 to ", kMaxJournalRecordBytes));
    }
    framed += FramedRecordBytes(record.size());
  }
  if (!records.empty() && framed <= kMaxJournalAppendBytes) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("append of ", records.size(), " journal records and ",
                   framed, " bytes, the limit is ", kMaxJournalAppendBytes));
}

}  // namespace

// The segment that is written to; not under its name before its first append.
struct JournalWriter::Segment {
  uint32_t number = 0;
  std::string temporary_path;
  std::unique_ptr<File> file;
  std::string header;  // encoded
  bool published = false;
  uint64_t length = 0;
  uint64_t allocated = 0;
};

JournalWriter::JournalWriter(FileSystem& fs, absl::string_view directory,
                             const JournalIdentity& identity,
                             const JournalOptions& options,
                             const JournalContents& contents)
    : fs_(fs),
      directory_(directory),
      identity_(identity),
      options_(options),
      contents_(contents) {
  NS_CHECK(options.allocation_bytes > 0 && options.segment_bytes +
                                                   options.allocation_bytes +
                                                   kMaxJournalAppendBytes <=
                                               kMaxSegmentBytes);
}

JournalWriter::~JournalWriter() = default;

absl::Status CreateJournal(FileSystem& fs, absl::string_view directory,
                           const JournalIdentity& identity,
                           const JournalOptions& options,
                           std::span<const std::string> records) {
  NS_RETURN_IF_ERROR(MakeDirectoriesDurably(fs, directory, 0750));
  const std::string first = absl::StrCat(directory, "/", SegmentFileName(1));
  if (fs.Stat(first).ok()) {
    return absl::AlreadyExistsError(
        absl::StrCat("there is a journal in ", directory));
  }
  JournalContents nothing;
  nothing.chain = JournalGenesis(identity.kind, identity.owner);
  return JournalWriter(fs, directory, identity, options, nothing)
      .Append(records);
}

absl::StatusOr<std::unique_ptr<JournalWriter>> JournalWriter::Open(
    FileSystem& fs, absl::string_view directory,
    const JournalIdentity& identity, const JournalOptions& options,
    const JournalRecordCallback& take) {
  NS_RETURN_IF_ERROR(SyncTail(fs, directory));
  NS_ASSIGN_OR_RETURN(JournalContents contents,
                      ReadJournal(fs, directory, identity, take));
  return std::unique_ptr<JournalWriter>(
      new JournalWriter(fs, directory, identity, options, contents));
}

absl::Status JournalWriter::Dead() const {
  if (failure_.ok()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("journal ", directory_,
                   " is read-only until restarted: ", failure_.message()));
}

absl::Status JournalWriter::Reserve(uint64_t record_bytes, size_t records) {
  NS_RETURN_IF_ERROR(Dead());
  const uint64_t framed =
      record_bytes + records * (kJournalRecordHeaderBytes + kJournalAlignment);
  if (framed <= kMaxJournalAppendBytes) return MakeRoom(framed);
  return absl::InvalidArgumentError(absl::StrCat("journal space of ", framed,
                                                 " bytes, the limit is ",
                                                 kMaxJournalAppendBytes));
}

absl::Status JournalWriter::Append(const std::string& record) {
  return Append(std::span(&record, 1));
}

absl::Status JournalWriter::Append(std::span<const std::string> records) {
  NS_RETURN_IF_ERROR(Dead());
  NS_RETURN_IF_ERROR(CheckRecords(records));
  uint64_t framed = 0;
  for (const std::string& record : records) {
    framed += FramedRecordBytes(record.size());
  }
  NS_RETURN_IF_ERROR(MakeRoom(framed));
  failure_ = WriteRecords(records);
  if (absl::IsResourceExhausted(failure_)) {
    // A failed write is more than a lack of space that may pass.
    failure_ = absl::UnavailableError(failure_.message());
  }
  return failure_;
}

absl::Status JournalWriter::StartSegment() {
  segment_ = nullptr;
  auto segment = std::make_unique<Segment>();
  segment->number = contents_.end.segment + 1;
  // An unpublished one of an earlier run may lie there for ever.
  segment->temporary_path =
      absl::StrCat(directory_, "/", SegmentFileName(segment->number), ".",
                   RandomId<TemporaryId>().Hex(), ".tmp");
  NS_ASSIGN_OR_RETURN(segment->file, fs_.Create(segment->temporary_path, 0640));
  NS_KILL_POINT("journal.segment-created");
  segment->length = kSegmentHeaderBytes;
  segment_ = std::move(segment);
  return absl::OkStatus();
}

// Nothing of the journal is written here, so a failure does it no harm.
absl::Status JournalWriter::MakeRoom(uint64_t framed_bytes) {
  const uint64_t limit =
      std::max(options_.segment_bytes, kSegmentHeaderBytes + framed_bytes);
  if (segment_ == nullptr ||
      (segment_->published && segment_->length + framed_bytes > limit)) {
    NS_RETURN_IF_ERROR(StartSegment());
  }
  const uint64_t needed = segment_->length + framed_bytes;
  if (needed <= segment_->allocated) return absl::OkStatus();
  const uint64_t step = options_.allocation_bytes;
  const uint64_t length = (needed + step - 1) / step * step;
  NS_RETURN_IF_ERROR(segment_->file->Allocate(length));
  NS_KILL_POINT("journal.allocated");
  segment_->allocated = length;
  return absl::OkStatus();
}

absl::Status JournalWriter::WriteRecords(std::span<const std::string> records) {
  JournalContents after = contents_;
  if (!segment_->published) {
    segment_->header = EncodeSegmentHeader({
        .kind = identity_.kind,
        .owner = identity_.owner,
        .number = segment_->number,
        .previous_length = contents_.end.offset,
        .previous_chain = contents_.chain,
        .first_sequence = contents_.end.sequence,
    });
  }
  const uint64_t write_offset = segment_->published ? segment_->length : 0;
  std::string bytes = segment_->published ? "" : segment_->header;
  for (const std::string& record : records) {
    after.chain = NextChain(after.chain, HashOf(AsBytes(record)));
    EncodeJournalRecord(AsBytes(record), SegmentSeed(AsBytes(segment_->header)),
                        static_cast<uint32_t>(segment_->length), after.chain,
                        bytes);
  }
  NS_KILL_POINT("journal.before-append");
  NS_RETURN_IF_ERROR(segment_->file->WriteAt(write_offset, AsBytes(bytes)));
  NS_KILL_POINT("journal.written");
  NS_RETURN_IF_ERROR(segment_->file->SyncData());
  NS_KILL_POINT("journal.synced");
  if (!segment_->published) NS_RETURN_IF_ERROR(Publish());
  segment_->length = write_offset + bytes.size();
  after.end = {.segment = segment_->number,
               .offset = segment_->length,
               .sequence = contents_.end.sequence + records.size()};
  contents_ = after;
  return absl::OkStatus();
}

absl::Status JournalWriter::Publish() {
  NS_RETURN_IF_ERROR(fs_.Rename(
      segment_->temporary_path,
      absl::StrCat(directory_, "/", SegmentFileName(segment_->number))));
  NS_KILL_POINT("journal.segment-renamed");
  NS_RETURN_IF_ERROR(fs_.SyncDirectory(directory_));
  NS_KILL_POINT("journal.segment-published");
  // Older than the segments it says less than it could, and nothing wrong.
  WriteFileDurably(fs_, absl::StrCat(directory_, "/", kNewestFileName),
                   AsBytes(EncodeNewest(segment_->number)), 0640)
      .IgnoreError();
  segment_->published = true;
  return absl::OkStatus();
}

}  // namespace nightsafe
