#include "server/journal/journal_reader.h"

#include <optional>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "common/base/crc32c.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

constexpr uint64_t kMaxNewestBytes = 64;

struct LoadedSegment {
  std::string name;
  std::string bytes;
  SegmentHeader header;
};

std::string PathOf(absl::string_view directory, absl::string_view name) {
  return absl::StrCat(directory, "/", name);
}

// 0 if the file is not there or not whole: then nothing is known.
absl::StatusOr<uint32_t> ReadNewest(FileSystem& fs,
                                    absl::string_view directory) {
  const std::string path = PathOf(directory, kNewestFileName);
  absl::StatusOr<std::string> text = ReadWholeFile(fs, path, kMaxNewestBytes);
  if (absl::IsUnavailable(text.status())) return text.status();
  uint32_t number = 0;
  if (!text.ok() ||
      !absl::SimpleAtoi(text->substr(0, text->find('.')), &number)) {
    return 0;
  }
  return EncodeNewest(number) == *text ? number : 0;
}

// How many segments there are; their numbers must be 1 to that.
absl::StatusOr<uint32_t> CountSegments(FileSystem& fs,
                                       absl::string_view directory) {
  NS_ASSIGN_OR_RETURN(std::vector<std::string> names, fs.List(directory));
  uint32_t count = 0;
  for (absl::string_view name : names) {
    uint32_t number = 0;
    absl::string_view digits = name;
    if (!absl::ConsumeSuffix(&digits, ".seg") ||
        !absl::SimpleAtoi(digits, &number) || SegmentFileName(number) != name) {
      continue;
    }
    ++count;
    if (number != count) {
      return absl::DataLossError(
          absl::StrCat(PathOf(directory, SegmentFileName(count)),
                       " is missing, but there is ", name));
    }
  }
  NS_ASSIGN_OR_RETURN(const uint32_t newest, ReadNewest(fs, directory));
  if (newest > count) {
    return absl::DataLossError(absl::StrCat(
        PathOf(directory, SegmentFileName(count + 1)),
        " is missing, and what was acknowledged last is in it (to go on "
        "without, remove ",
        PathOf(directory, kNewestFileName), ")"));
  }
  if (count > 0) return count;
  return absl::NotFoundError(
      absl::StrCat("there is no journal in ", directory));
}

absl::Status CheckNumber(const SegmentHeader& header, uint32_t number,
                         const JournalIdentity& identity) {
  if (header.kind != identity.kind || header.owner != identity.owner) {
    return absl::DataLossError(absl::StrCat("it is of another journal: owner ",
                                            header.owner.Hex(), ", expected ",
                                            identity.owner.Hex()));
  }
  if (header.number != number) {
    return absl::DataLossError(
        absl::StrCat("its header says segment ", header.number));
  }
  return absl::OkStatus();
}

absl::StatusOr<LoadedSegment> LoadSegment(FileSystem& fs,
                                          absl::string_view directory,
                                          uint32_t number,
                                          const JournalIdentity& identity) {
  LoadedSegment segment;
  segment.name = SegmentFileName(number);
  const std::string path = PathOf(directory, segment.name);
  NS_ASSIGN_OR_RETURN(segment.bytes, ReadWholeFile(fs, path, kMaxSegmentBytes));
  absl::StatusOr<SegmentHeader> header =
      DecodeSegmentHeader(AsBytes(segment.bytes));
  if (!header.ok()) return Annotate(header.status(), path);
  segment.header = *header;
  NS_RETURN_IF_ERROR(Annotate(CheckNumber(*header, number, identity), path));
  return segment;
}

// That `header` continues what has been read.
absl::Status CheckContinues(const SegmentHeader& header,
                            const JournalContents& before) {
  if (header.previous_length != before.end.offset ||
      header.first_sequence != before.end.sequence ||
      header.previous_chain != before.chain) {
    return absl::DataLossError(absl::StrCat(
        "it does not continue the segment before: it follows record ",
        header.first_sequence, " at ", header.previous_length,
        ", that one ends with record ", before.end.sequence, " at ",
        before.end.offset));
  }
  return absl::OkStatus();
}

absl::StatusOr<JournalContents> ReadSegments(
    FileSystem& fs, absl::string_view directory,
    const JournalIdentity& identity, const JournalRecordCallback& take) {
  NS_ASSIGN_OR_RETURN(uint32_t count, CountSegments(fs, directory));
  JournalContents contents;
  contents.chain = JournalGenesis(identity.kind, identity.owner);
  NS_ASSIGN_OR_RETURN(LoadedSegment segment,
                      LoadSegment(fs, directory, 1, identity));
  for (uint32_t number = 1; number <= count; ++number) {
    const std::string path = PathOf(directory, segment.name);
    NS_RETURN_IF_ERROR(
        Annotate(CheckContinues(segment.header, contents), path));
    std::optional<LoadedSegment> next;
    if (number < count) {
      NS_ASSIGN_OR_RETURN(next,
                          LoadSegment(fs, directory, number + 1, identity));
    }
    const absl::StatusOr<SegmentEnd> end =
        next ? WalkFinishedSegment(AsBytes(segment.bytes), segment.header,
                                   next->header.previous_length, take)
             : WalkLastSegment(AsBytes(segment.bytes), segment.header, take);
    if (!end.ok()) return Annotate(end.status(), path);
    contents.end = {number, end->offset, end->sequence};
    contents.chain = end->chain;
    contents.torn_tail = end->torn;
    if (next) segment = *std::move(next);
  }
  return contents;
}

absl::Status WithAdvice(const absl::Status& status) {
  if (!absl::IsDataLoss(status)) return status;
  return absl::DataLossError(
      absl::StrCat(status.message(),
                   "; nothing was changed: put an intact copy of this file "
                   "back"));
}

}  // namespace

std::string SegmentFileName(uint32_t number) {
  return absl::StrFormat("%08d.seg", number);
}

std::string EncodeNewest(uint32_t number) {
  const std::string name = SegmentFileName(number);
  return absl::StrFormat("%s %08x\n", name, Crc32c(AsBytes(name)));
}

absl::StatusOr<JournalContents> ReadJournal(FileSystem& fs,
                                            absl::string_view directory,
                                            const JournalIdentity& identity,
                                            const JournalRecordCallback& take) {
  absl::StatusOr<JournalContents> contents =
      ReadSegments(fs, directory, identity, take);
  if (!contents.ok()) return WithAdvice(contents.status());
  return contents;
}

absl::StatusOr<JournalIdentity> PeekJournalIdentity(
    FileSystem& fs, absl::string_view directory) {
  NS_RETURN_IF_ERROR(WithAdvice(CountSegments(fs, directory).status()));
  const std::string path = PathOf(directory, SegmentFileName(1));
  NS_ASSIGN_OR_RETURN(std::unique_ptr<File> file, fs.OpenForRead(path));
  std::string bytes(kSegmentHeaderBytes, '\0');
  NS_ASSIGN_OR_RETURN(size_t got, file->ReadAt(0, AsMutableBytes(bytes)));
  absl::StatusOr<SegmentHeader> header =
      DecodeSegmentHeader(AsBytes(bytes).first(got));
  if (!header.ok()) return WithAdvice(Annotate(header.status(), path));
  return JournalIdentity{.kind = header->kind, .owner = header->owner};
}

}  // namespace nightsafe
