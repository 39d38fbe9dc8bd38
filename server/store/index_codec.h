// Keys and values of the object index.
//
//   key     = table u8 | vault, first 16 bytes | rest
//   object  = 'o' | vault | domain u32, big-endian | object id
//             -> pack (16) | offset u64 | length u32 | kind u8 | closed u64
//   pack    = 'p' | vault | pack id  -> indexed length u64
//   journal = 'j' | vault            -> records u64
//   version = 'v'                    -> u32
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "server/store/object_index.h"

namespace nightsafe {

inline constexpr uint32_t kIndexVersion = 1;

enum class IndexTable : char {
  kObject = 'o',
  kPack = 'p',
  kJournal = 'j',
  kVersion = 'v',
};

std::string IndexPrefix(IndexTable table, const VaultId& vault);
std::string ObjectKey(const VaultId& vault, uint32_t domain_number,
                      const ObjectId& id);
std::string PackKey(const VaultId& vault, const PackId& pack);

std::string EncodeLocation(const ObjectLocation& location);
std::string EncodeNumber(uint64_t number);

// DATA_LOSS: not of the expected form.
absl::StatusOr<ObjectLocation> DecodeLocation(ByteView value);
absl::StatusOr<uint64_t> DecodeNumber(ByteView value);
absl::StatusOr<IndexEntry> DecodeEntry(ByteView key, ByteView value);
absl::StatusOr<PackId> DecodePackKey(ByteView key);

}  // namespace nightsafe
