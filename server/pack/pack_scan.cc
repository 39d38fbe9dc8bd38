#include "server/pack/pack_scan.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr size_t kReadAheadBytes = 1 << 20;
constexpr size_t kBlockBytes = 4096;

// A file up to `end`, seen through a buffer that slides forward.
class Window {
 public:
  Window(const File& file, uint64_t end) : file_(file), end_(end) {}

  // `length` bytes at `offset`, fewer only at the end; valid until the next
  // call. Offsets never go back behind an earlier call's.
  absl::StatusOr<ByteView> At(uint64_t offset, size_t length) {
    length = static_cast<size_t>(
        std::min<uint64_t>(length, end_ - std::min(offset, end_)));
    if (offset + length > begin_ + buffer_.size()) {
      NS_RETURN_IF_ERROR(SlideTo(offset, length));
    }
    return AsBytes(buffer_).subspan(static_cast<size_t>(offset - begin_),
                                    length);
  }

  // As At, and whatever else is in the buffer behind them.
  absl::StatusOr<ByteView> AtLeast(uint64_t offset, size_t length) {
    NS_RETURN_IF_ERROR(At(offset, length).status());
    return AsBytes(buffer_).subspan(static_cast<size_t>(offset - begin_));
  }

  uint64_t end() const { return end_; }

 private:
  absl::Status SlideTo(uint64_t offset, size_t length) {
    const uint64_t held_end = begin_ + buffer_.size();
    const size_t keep =
        static_cast<size_t>(offset < held_end ? held_end - offset : 0);
    buffer_.erase(0, buffer_.size() - keep);
    begin_ = offset;
    const size_t ahead = offset < careful_end_ ? kBlockBytes : kReadAheadBytes;
    if (Fill(keep, std::max(length, ahead)).ok()) return absl::OkStatus();
    // What is wanted may lie before the place that cannot be read.
    careful_end_ = offset + kReadAheadBytes;
    return Fill(keep, length);
  }

  // Behind the `keep` bytes that are there.
  absl::Status Fill(size_t keep, size_t length) {
    const size_t wanted =
        static_cast<size_t>(std::min<uint64_t>(length, end_ - begin_));
    buffer_.resize(wanted);
    const absl::StatusOr<size_t> got =
        file_.ReadAt(begin_ + keep, AsMutableBytes(buffer_).subspan(keep));
    if (got.ok() && *got == wanted - keep) return absl::OkStatus();
    buffer_.resize(keep);
    NS_RETURN_IF_ERROR(got.status());
    return absl::UnavailableError(
        absl::StrCat("pack became shorter while it was read: ends at ",
                     begin_ + keep + *got, ", had ", end_, " bytes"));
  }

  const File& file_;
  const uint64_t end_;
  uint64_t careful_end_ = 0;  // reading ahead failed before this
  uint64_t begin_ = 0;
  std::string buffer_;
};

class Scanner {
 public:
  Scanner(const File& file, uint64_t end, const PackScanCallback& take)
      : window_(file, end), take_(take) {}

  absl::StatusOr<PackScan> Run(uint64_t from) {
    scan_.scanned_length = window_.end();
    NS_ASSIGN_OR_RETURN(ByteView header, window_.At(0, kPackHeaderBytes));
    absl::StatusOr<PackIdentity> identity = DecodePackHeader(header);
    if (!identity.ok()) {
      NS_ASSIGN_OR_RETURN(identity, FirstMarker(identity.status()));
    }
    scan_.identity = *identity;
    uint64_t offset = std::max<uint64_t>(from, kPackHeaderBytes);
    scan_.prefix_length = scan_.valid_length =
        std::min<uint64_t>(offset, window_.end());
    while (offset < window_.end()) {
      NS_ASSIGN_OR_RETURN(offset, Step(offset));
    }
    return std::move(scan_);
  }

 private:
  // No client decides what stands where the first record begins.
  absl::StatusOr<PackIdentity> FirstMarker(const absl::Status& damaged) {
    PackIdentity identity;
    NS_ASSIGN_OR_RETURN(ByteView bytes,
                        window_.At(kPackHeaderBytes, kPackRecordHeaderBytes));
    if (bytes.size() < kPackRecordHeaderBytes) return damaged;
    const ByteView marker = bytes.first(identity.marker.bytes.size());
    std::copy(marker.begin(), marker.end(), identity.marker.bytes.begin());
    const bool found =
        DecodeRecordHeader(identity.marker, kPackHeaderBytes, bytes)
            .has_value();
    if (!found) return damaged;
    return identity;
  }

  // Looks at `offset`; returns where to look next.
  absl::StatusOr<uint64_t> Step(uint64_t offset) {
    const absl::StatusOr<ByteView> bytes =
        window_.At(offset, kPackRecordHeaderBytes);
    if (!bytes.ok()) return FindMarker(PassOver(offset, bytes.status()));
    const std::optional<PackEntry> entry =
        DecodeRecordHeader(scan_.identity.marker, offset, *bytes);
    if (!entry) return FindMarker(offset + 1);
    // The marker is secret and the header intact: this is where the next record
    // begins, whatever the object's bytes look like.
    const absl::StatusOr<ByteView> object =
        window_.At(entry->offset, entry->length);
    if (!object.ok()) {
      NoteUnreadable(entry->length, object.status());
      return entry->end();
    }
    if (object->size() < entry->length) return window_.end();
    if (ObjectId::FromValidBytes(HashOf(*object)) == entry->id) {
      NS_RETURN_IF_ERROR(Accept(offset, *entry, *object));
    }
    return entry->end();
  }

  void NoteUnreadable(uint64_t length, const absl::Status& status) {
    if (scan_.unreadable.ok()) scan_.unreadable = status;
    scan_.unreadable_bytes += length;
  }

  // `offset` cannot be read: where to look next. A disk may take seconds for
  // each failure.
  uint64_t PassOver(uint64_t offset, const absl::Status& status) {
    const uint64_t next = std::min(
        (offset + pass_over_) / kBlockBytes * kBlockBytes, window_.end());
    pass_over_ = std::min(2 * pass_over_, kReadAheadBytes);
    NoteUnreadable(next - offset, status);
    return next;
  }

  absl::Status Accept(uint64_t record, const PackEntry& entry,
                      ByteView object) {
    if (record != scan_.valid_length) {
      const uint64_t length = record - scan_.valid_length;
      scan_.damaged_bytes += length;
      if (scan_.damaged.size() < kMaxDamagedRanges) {
        scan_.damaged.push_back({scan_.valid_length, length});
      }
    }
    if (scan_.damaged_bytes == 0) scan_.prefix_length = entry.end();
    scan_.valid_length = entry.end();
    pass_over_ = kBlockBytes;
    ++scan_.records;
    return take_(entry, object);
  }

  // The next offset, `offset` or later, where a marker stands.
  uint64_t FindMarker(uint64_t offset) {
    const ByteView marker = scan_.identity.marker.bytes;
    while (offset + kPackRecordHeaderBytes <= window_.end()) {
      const absl::StatusOr<ByteView> bytes =
          window_.AtLeast(offset, kPackRecordHeaderBytes);
      if (!bytes.ok()) {
        offset = PassOver(offset, bytes.status());
        continue;
      }
      const void* found =
          ::memmem(bytes->data(), bytes->size(), marker.data(), marker.size());
      if (found != nullptr) {
        return offset +
               static_cast<uint64_t>(static_cast<const std::byte*>(found) -
                                     bytes->data());
      }
      offset += bytes->size() - (marker.size() - 1);
    }
    return window_.end();
  }

  Window window_;
  const PackScanCallback& take_;
  PackScan scan_;
  size_t pass_over_ = kBlockBytes;
};

}  // namespace

absl::StatusOr<PackScan> ScanPack(const File& file, uint64_t from,
                                  uint64_t limit,
                                  const PackScanCallback& take) {
  NS_ASSIGN_OR_RETURN(uint64_t size, file.Size());
  return Scanner(file, std::min(size, limit), take).Run(from);
}

}  // namespace nightsafe
