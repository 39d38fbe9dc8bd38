#include "server/journal/format.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/cursor.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

// A disk writes this much whole or not at all.
constexpr uint64_t kSectorBytes = 512;
constexpr size_t kCrcOffset = 8;

bool AllZero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](std::byte b) { return b == std::byte{0}; });
}

Hash32 TakeHash(ByteCursor& cursor) {
  Hash32 hash{};
  const ByteView view = cursor.Take(hash.size());
  std::copy(view.begin(), view.end(), hash.begin());
  return hash;
}

// Everything of a framed record but the checksum itself.
uint32_t RecordCrc(ByteView framed, uint32_t seed) {
  return Crc32c(framed.subspan(kCrcOffset + 4),
                Crc32c(framed.first(kCrcOffset), seed));
}

// The length of a record whose frame begins `bytes`, if its two copies agree.
std::optional<uint32_t> PeekLength(ByteView bytes) {
  ByteCursor cursor(bytes);
  const uint32_t length = cursor.U32();
  const uint32_t complement = cursor.U32();
  if (cursor.failed() || complement != ~length || length == 0 ||
      length > kMaxJournalRecordBytes) {
    return std::nullopt;
  }
  return length;
}

struct Frame {
  ByteView record;
  uint32_t append_offset = 0;
  Hash32 chain{};
  size_t size = 0;  // framed
};

// The intact frame that begins `bytes`, if there is one.
std::optional<Frame> ParseFrame(ByteView bytes, uint32_t seed) {
  const std::optional<uint32_t> length = PeekLength(bytes);
  if (!length) return std::nullopt;
  const size_t size = FramedRecordBytes(*length);
  if (size > bytes.size()) return std::nullopt;
  bytes = bytes.first(size);
  ByteCursor cursor(bytes.subspan(kCrcOffset));
  Frame frame;
  const uint32_t crc = cursor.U32();
  frame.append_offset = cursor.U32();
  frame.chain = TakeHash(cursor);
  frame.record = cursor.Take(*length);
  frame.size = size;
  const ByteView padding = cursor.rest();
  if (crc != RecordCrc(bytes, seed) || padding.back() != kJournalEndMark ||
      !AllZero(padding.first(padding.size() - 1))) {
    return std::nullopt;
  }
  return frame;
}

// Whether what stands at `offset` may be the rest of a write that did not reach
// the disk whole: the file ends, or some sector of it was never written.
bool MayBeTorn(ByteView segment, uint64_t offset) {
  const ByteView rest = segment.subspan(static_cast<size_t>(offset));
  // The complement's last byte is never zero in a whole one.
  if (rest.size() < 8 || rest[7] == std::byte{0}) return true;
  const std::optional<uint32_t> length = PeekLength(rest);
  if (!length) return false;
  const uint64_t end = offset + FramedRecordBytes(*length);
  if (end > segment.size()) return true;
  if (segment[static_cast<size_t>(end) - 1] == std::byte{0}) return true;
  for (uint64_t at = offset; at < end;) {
    const uint64_t next = std::min(end, (at / kSectorBytes + 1) * kSectorBytes);
    if (AllZero(segment.subspan(static_cast<size_t>(at),
                                static_cast<size_t>(next - at)))) {
      return true;
    }
    at = next;
  }
  return false;
}

// The offset of an intact record behind `offset` whose append began behind it
// too: it was written after all before it had been synced.
std::optional<uint64_t> FindLaterAppend(ByteView segment, uint64_t offset) {
  const uint32_t seed = SegmentSeed(segment);
  uint64_t at = offset + kJournalAlignment;
  while (at + kJournalRecordHeaderBytes <= segment.size()) {
    const std::optional<Frame> frame =
        ParseFrame(segment.subspan(static_cast<size_t>(at)), seed);
    if (frame && frame->append_offset > offset && frame->append_offset <= at) {
      return at;
    }
    at += frame ? frame->size : kJournalAlignment;
  }
  return std::nullopt;
}

class SegmentWalk {
 public:
  SegmentWalk(ByteView segment, const SegmentHeader& header,
              const JournalRecordCallback& take)
      : segment_(segment),
        seed_(SegmentSeed(segment)),
        number_(header.number),
        take_(take) {
    end_.offset = kSegmentHeaderBytes;
    end_.sequence = header.first_sequence;
    end_.chain = header.previous_chain;
  }

  // Takes the record at the end, false if there is none that is intact.
  absl::StatusOr<bool> Next(uint64_t limit) {
    const std::optional<Frame> frame =
        ParseFrame(segment_.subspan(static_cast<size_t>(end_.offset),
                                    static_cast<size_t>(limit - end_.offset)),
                   seed_);
    if (!frame) return false;
    if (NextChain(end_.chain, HashOf(frame->record)) != frame->chain ||
        frame->append_offset > end_.offset) {
      return absl::DataLossError(
          absl::StrCat("offset ", end_.offset,
                       ": the record does not continue the chain before it"));
    }
    end_.offset += frame->size;
    end_.sequence += 1;
    end_.chain = frame->chain;
    NS_RETURN_IF_ERROR(take_(frame->record, {.segment = number_,
                                             .offset = end_.offset,
                                             .sequence = end_.sequence}));
    return true;
  }

  SegmentEnd& end() { return end_; }

 private:
  const ByteView segment_;
  const uint32_t seed_;
  const uint32_t number_;
  const JournalRecordCallback& take_;
  SegmentEnd end_;
};

}  // namespace

Hash32 JournalGenesis(JournalKind kind, const JournalOwner& owner) {
  const std::byte kind_byte{static_cast<uint8_t>(kind)};
  return DeriveHash("nightsafe journal genesis v1",
                    {ByteView(&kind_byte, 1), owner.view()});
}

Hash32 NextChain(const Hash32& previous, const Hash32& record_hash) {
  return Blake3().Update(previous).Update(record_hash).Finish();
}

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string out(kSegmentMagic);
  PutU8(kSegmentVersion, out);
  PutU8(static_cast<uint8_t>(header.kind), out);
  PutU16(0, out);
  PutU32(header.number, out);
  AppendBytes(header.owner.view(), out);
  PutU64(header.previous_length, out);
  AppendBytes(header.previous_chain, out);
  PutU64(header.first_sequence, out);
  PutU32(Crc32c(AsBytes(out)), out);
  NS_CHECK(out.size() == kSegmentHeaderBytes);
  return out;
}

absl::StatusOr<SegmentHeader> DecodeSegmentHeader(ByteView segment) {
  if (segment.size() < kSegmentHeaderBytes) {
    return absl::DataLossError(absl::StrCat("the header has ", segment.size(),
                                            " bytes of ", kSegmentHeaderBytes));
  }
  const ByteView bytes = segment.first(kSegmentHeaderBytes);
  ByteCursor cursor(bytes);
  if (AsText(cursor.Take(kSegmentMagic.size())) != kSegmentMagic) {
    return absl::DataLossError("this is not a journal segment");
  }
  const uint8_t version = cursor.U8();
  if (version != kSegmentVersion) {
    return absl::DataLossError(absl::StrCat("the format version is ", version,
                                            ", this program reads ",
                                            kSegmentVersion));
  }
  SegmentHeader header;
  const uint8_t kind = cursor.U8();
  header.kind = static_cast<JournalKind>(kind);
  const uint16_t reserved = cursor.U16();
  header.number = cursor.U32();
  header.owner = cursor.TakeId<JournalOwner>();
  header.previous_length = cursor.U64();
  header.previous_chain = TakeHash(cursor);
  header.first_sequence = cursor.U64();
  const uint32_t crc = cursor.U32();
  if (crc != Crc32c(bytes.first(kSegmentHeaderBytes - 4))) {
    return absl::DataLossError("the header has a wrong checksum");
  }
  if (kind < 1 || kind > 2 || reserved != 0 || header.number == 0 ||
      header.previous_length > kMaxSegmentBytes) {
    return absl::DataLossError(absl::StrCat(
        "the header has kind ", kind, ", segment number ", header.number,
        ", previous length ", header.previous_length));
  }
  return header;
}

size_t FramedRecordBytes(size_t record_bytes) {
  return (kJournalRecordHeaderBytes + record_bytes + 1 + kJournalAlignment -
          1) /
         kJournalAlignment * kJournalAlignment;
}

uint32_t SegmentSeed(ByteView encoded_header) {
  NS_CHECK(encoded_header.size() >= kSegmentHeaderBytes);
  return ByteCursor(encoded_header.subspan(kSegmentHeaderBytes - 4)).U32();
}

void EncodeJournalRecord(ByteView record, uint32_t segment_seed,
                         uint32_t append_offset, const Hash32& chain,
                         std::string& out) {
  NS_CHECK(!record.empty() && record.size() <= kMaxJournalRecordBytes);
  const uint32_t length = static_cast<uint32_t>(record.size());
  std::string framed;
  PutU32(length, framed);
  PutU32(~length, framed);
  PutU32(0, framed);  // the checksum's place
  PutU32(append_offset, framed);
  AppendBytes(chain, framed);
  AppendBytes(record, framed);
  framed.resize(FramedRecordBytes(record.size()), '\0');
  framed.back() = static_cast<char>(kJournalEndMark);
  std::string crc;
  PutU32(RecordCrc(AsBytes(framed), segment_seed), crc);
  framed.replace(kCrcOffset, crc.size(), crc);
  out += framed;
}

absl::StatusOr<SegmentEnd> WalkFinishedSegment(
    ByteView segment, const SegmentHeader& header, uint64_t length,
    const JournalRecordCallback& take) {
  if (length < kSegmentHeaderBytes || length > segment.size()) {
    return absl::DataLossError(absl::StrCat(
        "it has ", segment.size(), " bytes, but the next segment says that ",
        length, " of them count"));
  }
  SegmentWalk walk(segment, header, take);
  while (walk.end().offset < length) {
    NS_ASSIGN_OR_RETURN(bool more, walk.Next(length));
    if (more) continue;
    return absl::DataLossError(
        absl::StrCat("offset ", walk.end().offset,
                     ": no intact record, but the next segment says that ",
                     length, " bytes count"));
  }
  return walk.end();
}

absl::StatusOr<SegmentEnd> WalkLastSegment(ByteView segment,
                                           const SegmentHeader& header,
                                           const JournalRecordCallback& take) {
  SegmentWalk walk(segment, header, take);
  bool more = true;
  while (more) {
    NS_ASSIGN_OR_RETURN(more, walk.Next(segment.size()));
  }
  const uint64_t offset = walk.end().offset;
  if (!MayBeTorn(segment, offset)) {
    return absl::DataLossError(
        absl::StrCat("offset ", offset,
                     ": a damaged record; an unfinished write would have left "
                     "unwritten sectors"));
  }
  if (std::optional<uint64_t> later = FindLaterAppend(segment, offset)) {
    return absl::DataLossError(
        absl::StrCat("offset ", offset, ": a damaged record; one at ", *later,
                     " was written after it had been synced"));
  }
  walk.end().torn = !AllZero(segment.subspan(static_cast<size_t>(offset)));
  return walk.end();
}

}  // namespace nightsafe
