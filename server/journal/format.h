// Bytes of journal segments: constants, encoding and decoding, no I/O.
// FORMAT.md has the byte tables and says what is taken for a torn tail.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/crypto/blake3.h"

namespace nightsafe {

inline constexpr absl::string_view kSegmentMagic = "NSJL";
inline constexpr uint8_t kSegmentVersion = 1;
inline constexpr size_t kSegmentHeaderBytes = 96;
inline constexpr size_t kJournalRecordHeaderBytes = 48;
inline constexpr size_t kJournalAlignment = 8;
// Never zero, as the last byte of every record: shows that it was written to
// its end.
inline constexpr std::byte kJournalEndMark{0xa5};
inline constexpr size_t kMaxJournalRecordBytes = 1 << 20;
// All records of one append, framing included.
inline constexpr size_t kMaxJournalAppendBytes = 16 << 20;
inline constexpr size_t kMaxSegmentBytes = 64 << 20;

enum class JournalKind : uint8_t { kServer = 1, kVault = 2 };

// The server's or the vault's id, zeroes behind it.
using JournalOwner = Id<struct JournalOwnerTag, 32>;

template <typename IdType>
JournalOwner JournalOwnerOf(const IdType& id) {
  static_assert(IdType::kSize <= JournalOwner::kSize);
  JournalOwner owner;
  std::copy(id.bytes.begin(), id.bytes.end(), owner.bytes.begin());
  return owner;
}

// The end of a record (or of the header of a segment without any): every
// record up to here, `sequence` of them in all, counts.
struct JournalPosition {
  uint32_t segment = 0;  // from 1
  uint64_t offset = 0;   // bytes in that segment
  uint64_t sequence = 0;

  friend auto operator<=>(const JournalPosition&,
                          const JournalPosition&) = default;
};

struct SegmentHeader {
  JournalKind kind;
  JournalOwner owner;
  uint32_t number = 0;           // from 1
  uint64_t previous_length = 0;  // of the segment before that count; 0: none
  Hash32 previous_chain{};       // chain value there
  uint64_t first_sequence = 0;   // records in all earlier segments
};

// The chain value before the first record of a journal.
Hash32 JournalGenesis(JournalKind kind, const JournalOwner& owner);
// BLAKE3(previous ‖ record hash); the hash is BLAKE3 of the record's bytes.
Hash32 NextChain(const Hash32& previous, const Hash32& record_hash);

std::string EncodeSegmentHeader(const SegmentHeader& header);
// DATA_LOSS with the reason.
absl::StatusOr<SegmentHeader> DecodeSegmentHeader(ByteView segment);

// Bytes that a record takes in a segment.
size_t FramedRecordBytes(size_t record_bytes);
// The checksum in an encoded header. Those of the segment's records go on from
// it, so that a record is intact in its own segment only, and no client can
// prepare bytes that look like one.
uint32_t SegmentSeed(ByteView encoded_header);

// Appends the framed record to `out`. `append_offset` is where, in the segment,
// the append began that this record is part of. `record` is 1 to
// kMaxJournalRecordBytes long.
void EncodeJournalRecord(ByteView record, uint32_t segment_seed,
                         uint32_t append_offset, const Hash32& chain,
                         std::string& out);

struct SegmentEnd {
  uint64_t offset = 0;
  uint64_t sequence = 0;
  Hash32 chain{};
  // Bytes behind `offset` that are not zero: an append that was not finished.
  bool torn = false;
};
// Gets each record and the position behind it; an error ends the reading.
using JournalRecordCallback =
    std::function<absl::Status(ByteView record, const JournalPosition& end)>;

// Walks the records of a segment that a later one follows, which says that
// `length` bytes of it count. Exactly those must be valid, else DATA_LOSS.
absl::StatusOr<SegmentEnd> WalkFinishedSegment(
    ByteView segment, const SegmentHeader& header, uint64_t length,
    const JournalRecordCallback& take);

// Walks the last segment, which may end in a torn append. DATA_LOSS for
// anything that cannot be one.
absl::StatusOr<SegmentEnd> WalkLastSegment(ByteView segment,
                                           const SegmentHeader& header,
                                           const JournalRecordCallback& take);

}  // namespace nightsafe
