#include "server/pack/format.h"

#include "absl/strings/match.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/cursor.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr absl::string_view kPackSuffix = ".pack";
constexpr absl::string_view kTocSuffix = ".toc";

bool IsPackClass(uint8_t value) {
  return value == static_cast<uint8_t>(PackClass::kData) ||
         value == static_cast<uint8_t>(PackClass::kNode);
}

bool IsObjectKind(uint8_t value) {
  return value >= static_cast<uint8_t>(ObjectKind::kData) &&
         value <= static_cast<uint8_t>(ObjectKind::kManifest);
}

bool IsObjectLength(uint32_t length) {
  return length >= kMinObjectBytes && length <= kMaxObjectBytes;
}

// The fields that pack and table of contents begin with.
absl::Status CheckPreamble(ByteCursor& cursor, absl::string_view magic,
                           absl::string_view what) {
  if (AsText(cursor.Take(magic.size())) != magic) {
    return absl::DataLossError(
        absl::StrCat(what, " does not begin with \"", magic, "\""));
  }
  const uint8_t version = cursor.U8();
  if (version != kPackVersion) {
    return absl::DataLossError(absl::StrCat(what, " has format version ",
                                            version, ", this program reads ",
                                            kPackVersion));
  }
  const uint8_t suite = cursor.U8();
  if (suite != kSuite) {
    return absl::DataLossError(absl::StrCat(what, " has suite ", suite,
                                            ", this program reads ", kSuite));
  }
  return absl::OkStatus();
}

// The pack class and the zero byte behind it.
absl::StatusOr<PackClass> TakePackClass(ByteCursor& cursor,
                                        absl::string_view what) {
  const uint8_t value = cursor.U8();
  const uint8_t reserved = cursor.U8();
  if (!IsPackClass(value) || reserved != 0) {
    return absl::DataLossError(absl::StrCat(what, " has pack class ", value,
                                            ", reserved byte ", reserved));
  }
  return static_cast<PackClass>(value);
}

void PutPreamble(absl::string_view magic, PackClass pack_class,
                 std::string& out) {
  out.append(magic.data(), magic.size());
  PutU8(kPackVersion, out);
  PutU8(kSuite, out);
  PutU8(static_cast<uint8_t>(pack_class), out);
  PutU8(0, out);
}

// One entry, which must not begin before `free_offset`.
absl::StatusOr<PackEntry> TakeTocEntry(ByteCursor& cursor, uint64_t free_offset,
                                       uint64_t pack_length) {
  PackEntry entry;
  entry.id = cursor.TakeId<ObjectId>();
  entry.offset = cursor.U64();
  entry.length = cursor.U32();
  const uint8_t kind = cursor.U8();
  entry.kind = static_cast<ObjectKind>(kind);
  entry.domain_number = cursor.U32();
  entry.writer = cursor.U32();
  if (cursor.failed() || !IsObjectKind(kind) || !IsObjectLength(entry.length)) {
    return absl::DataLossError(
        absl::StrCat("table of contents: object of kind ", kind, " and ",
                     entry.length, " bytes"));
  }
  if (entry.offset < free_offset + kPackRecordHeaderBytes ||
      entry.offset > pack_length || entry.end() > pack_length) {
    return absl::DataLossError(absl::StrCat(
        "table of contents: object at ", entry.offset, " with ", entry.length,
        " bytes does not lie between ", free_offset, " and ", pack_length));
  }
  return entry;
}

absl::StatusOr<std::vector<PackEntry>> TakeTocEntries(ByteCursor& cursor,
                                                      uint32_t count,
                                                      uint64_t pack_length) {
  std::vector<PackEntry> entries;
  entries.reserve(count);
  uint64_t free_offset = kPackHeaderBytes;
  for (uint32_t i = 0; i < count; ++i) {
    NS_ASSIGN_OR_RETURN(PackEntry entry,
                        TakeTocEntry(cursor, free_offset, pack_length));
    free_offset = entry.end();
    entries.push_back(entry);
  }
  return entries;
}

std::optional<PackId> ParseName(absl::string_view name,
                                absl::string_view suffix) {
  if (name.size() != 2 * PackId::kSize + suffix.size() ||
      !absl::EndsWith(name, suffix)) {
    return std::nullopt;
  }
  const absl::string_view hex = name.substr(0, 2 * PackId::kSize);
  absl::StatusOr<PackId> pack = PackId::FromHex(hex);
  if (!pack.ok() || pack->Hex() != hex) return std::nullopt;
  return *pack;
}

}  // namespace

std::string EncodePackHeader(const PackIdentity& identity) {
  std::string out;
  PutPreamble(kPackMagic, identity.pack_class, out);
  AppendBytes(identity.vault.view(), out);
  AppendBytes(identity.pack.view(), out);
  AppendBytes(identity.marker.view(), out);
  PutU32(Crc32c(AsBytes(out)), out);
  NS_CHECK(out.size() == kPackHeaderBytes);
  return out;
}

absl::StatusOr<PackIdentity> DecodePackHeader(ByteView bytes) {
  if (bytes.size() < kPackHeaderBytes) {
    return absl::DataLossError(absl::StrCat("pack header has ", bytes.size(),
                                            " bytes of ", kPackHeaderBytes));
  }
  ByteCursor cursor(bytes.first(kPackHeaderBytes));
  NS_RETURN_IF_ERROR(CheckPreamble(cursor, kPackMagic, "pack"));
  PackIdentity identity;
  NS_ASSIGN_OR_RETURN(identity.pack_class, TakePackClass(cursor, "pack"));
  identity.vault = cursor.TakeId<VaultId>();
  identity.pack = cursor.TakeId<PackId>();
  identity.marker = cursor.TakeId<PackMarker>();
  const uint32_t crc = cursor.U32();
  NS_RETURN_IF_ERROR(cursor.Finish("pack header"));
  if (crc != Crc32c(bytes.first(kPackHeaderBytes - 4))) {
    return absl::DataLossError("pack header has a wrong checksum");
  }
  return identity;
}

void EncodeRecordHeader(const PackMarker& marker, const PackEntry& entry,
                        std::string& out) {
  const size_t begin = out.size();
  AppendBytes(marker.view(), out);
  PutU8(static_cast<uint8_t>(entry.kind), out);
  PutU32(entry.domain_number, out);
  PutU32(entry.writer, out);
  PutU32(entry.length, out);
  AppendBytes(entry.id.view(), out);
  PutU32(Crc32c(AsBytes(out).subspan(begin)), out);
  NS_CHECK(out.size() - begin == kPackRecordHeaderBytes);
}

std::optional<PackEntry> DecodeRecordHeader(const PackMarker& marker,
                                            uint64_t record_offset,
                                            ByteView bytes) {
  if (bytes.size() < kPackRecordHeaderBytes) return std::nullopt;
  ByteCursor cursor(bytes.first(kPackRecordHeaderBytes));
  if (cursor.TakeId<PackMarker>() != marker) return std::nullopt;
  PackEntry entry;
  entry.offset = record_offset + kPackRecordHeaderBytes;
  const uint8_t kind = cursor.U8();
  entry.kind = static_cast<ObjectKind>(kind);
  entry.domain_number = cursor.U32();
  entry.writer = cursor.U32();
  entry.length = cursor.U32();
  entry.id = cursor.TakeId<ObjectId>();
  if (cursor.U32() != Crc32c(bytes.first(kPackRecordHeaderBytes - 4)) ||
      !IsObjectKind(kind) || !IsObjectLength(entry.length)) {
    return std::nullopt;
  }
  return entry;
}

// The checksum covers the marker.
bool IsRecordHeaderOf(const PackEntry& entry, ByteView bytes) {
  if (bytes.size() < kPackRecordHeaderBytes) return false;
  const auto found = DecodeRecordHeader(PackMarker::FromValidBytes(bytes),
                                        entry.record(), bytes);
  return found.has_value() && found->id == entry.id &&
         found->length == entry.length && found->kind == entry.kind &&
         found->domain_number == entry.domain_number;
}

std::string EncodeToc(const Toc& toc) {
  std::string out;
  out.reserve(kTocHeaderBytes + toc.entries.size() * kTocEntryBytes +
              kTocHashBytes);
  PutPreamble(kTocMagic, toc.pack_class, out);
  AppendBytes(toc.vault.view(), out);
  AppendBytes(toc.pack.view(), out);
  PutU64(toc.pack_length, out);
  PutU32(static_cast<uint32_t>(toc.entries.size()), out);
  for (const PackEntry& entry : toc.entries) {
    AppendBytes(entry.id.view(), out);
    PutU64(entry.offset, out);
    PutU32(entry.length, out);
    PutU8(static_cast<uint8_t>(entry.kind), out);
    PutU32(entry.domain_number, out);
    PutU32(entry.writer, out);
  }
  AppendBytes(HashOf(AsBytes(out)), out);
  return out;
}

absl::StatusOr<Toc> DecodeToc(ByteView bytes) {
  ByteCursor cursor(bytes);
  NS_RETURN_IF_ERROR(CheckPreamble(cursor, kTocMagic, "table of contents"));
  Toc toc;
  NS_ASSIGN_OR_RETURN(toc.pack_class,
                      TakePackClass(cursor, "table of contents"));
  toc.vault = cursor.TakeId<VaultId>();
  toc.pack = cursor.TakeId<PackId>();
  toc.pack_length = cursor.U64();
  const uint32_t count = cursor.U32();
  NS_RETURN_IF_ERROR(cursor.status("table of contents"));
  if (count > kMaxPackRecords || toc.pack_length > kMaxPackBytes ||
      cursor.rest().size() != count * kTocEntryBytes + kTocHashBytes) {
    return absl::DataLossError(
        absl::StrCat("table of contents of ", bytes.size(), " bytes says ",
                     count, " objects in ", toc.pack_length, " bytes"));
  }
  const Hash32 hash = HashOf(bytes.first(bytes.size() - kTocHashBytes));
  NS_ASSIGN_OR_RETURN(toc.entries,
                      TakeTocEntries(cursor, count, toc.pack_length));
  if (!std::equal(hash.begin(), hash.end(), cursor.rest().begin())) {
    return absl::DataLossError("table of contents has a wrong hash");
  }
  return toc;
}

std::string PackFileName(const PackId& pack) {
  return absl::StrCat(pack.Hex(), kPackSuffix);
}

std::string TocFileName(const PackId& pack) {
  return absl::StrCat(pack.Hex(), kTocSuffix);
}

std::optional<PackId> ParsePackFileName(absl::string_view name) {
  return ParseName(name, kPackSuffix);
}

std::optional<PackId> ParseTocFileName(absl::string_view name) {
  return ParseName(name, kTocSuffix);
}

}  // namespace nightsafe
