// Bytes of packs and their tables of contents: constants, encoding and
// decoding, no I/O. FORMAT.md has the byte tables.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/crypto/blake3.h"
#include "common/object/object.h"

namespace nightsafe {

inline constexpr absl::string_view kPackMagic = "NSPK";
inline constexpr absl::string_view kTocMagic = "NSTC";
inline constexpr uint8_t kPackVersion = 1;
inline constexpr size_t kPackHeaderBytes = 76;
inline constexpr size_t kPackRecordHeaderBytes = 65;
inline constexpr uint64_t kMaxPackBytes = uint64_t{1} << 30;
inline constexpr size_t kMaxPackRecords = 1 << 20;
// "NS", suite, kind, ref count.
inline constexpr size_t kMinObjectBytes = 8;
inline constexpr size_t kTocHeaderBytes = 68;
inline constexpr size_t kTocEntryBytes = 53;
inline constexpr size_t kTocHashBytes = 32;
inline constexpr size_t kMaxTocBytes =
    kTocHeaderBytes + kMaxPackRecords * kTocEntryBytes + kTocHashBytes;

enum class PackClass : uint8_t { kData = 1, kNode = 2 };

// Begins every record of one pack. Random and never told to a client, so that
// no object can contain what looks like a record.
using PackMarker = Id<struct PackMarkerTag, 16>;

struct PackIdentity {
  VaultId vault;
  PackId pack;
  PackClass pack_class = PackClass::kData;
  PackMarker marker;

  friend bool operator==(const PackIdentity&, const PackIdentity&) = default;
};

// Where an object lies, and whose it is.
struct PackEntry {
  ObjectId id;
  uint64_t offset = 0;  // of the object's first byte in the pack
  uint32_t length = 0;  // bytes of the object
  ObjectKind kind = ObjectKind::kData;
  uint32_t domain_number = 0;
  uint32_t writer = 0;

  uint64_t record() const { return offset - kPackRecordHeaderBytes; }
  uint64_t end() const { return offset + length; }
  friend bool operator==(const PackEntry&, const PackEntry&) = default;
};

std::string EncodePackHeader(const PackIdentity& identity);
// DATA_LOSS with the reason.
absl::StatusOr<PackIdentity> DecodePackHeader(ByteView bytes);

// Appends the header of the record whose object `entry` describes.
void EncodeRecordHeader(const PackMarker& marker, const PackEntry& entry,
                        std::string& out);
// `bytes` begin at `record_offset` of the pack. Nothing unless marker, checksum
// and limits are right.
std::optional<PackEntry> DecodeRecordHeader(const PackMarker& marker,
                                            uint64_t record_offset,
                                            ByteView bytes);

// Whether `bytes` are the header of that object's record, in a pack of whatever
// marker; the writer is not compared.
bool IsRecordHeaderOf(const PackEntry& entry, ByteView bytes);

// The table of contents of a finished pack.
struct Toc {
  VaultId vault;
  PackId pack;
  PackClass pack_class = PackClass::kData;
  // Bytes of the pack that count; the file may be longer.
  uint64_t pack_length = 0;
  std::vector<PackEntry> entries;  // by offset

  friend bool operator==(const Toc&, const Toc&) = default;
};

// Deterministic.
std::string EncodeToc(const Toc& toc);
// DATA_LOSS unless it is whole, within limits, and its entries are in order,
// apart and within the pack.
absl::StatusOr<Toc> DecodeToc(ByteView bytes);

// "<32 hex>.pack" and "<32 hex>.toc".
std::string PackFileName(const PackId& pack);
std::string TocFileName(const PackId& pack);
// Nothing for any other name.
std::optional<PackId> ParsePackFileName(absl::string_view name);
std::optional<PackId> ParseTocFileName(absl::string_view name);

}  // namespace nightsafe
