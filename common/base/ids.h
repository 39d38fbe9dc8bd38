// Fixed-size identifiers, a type each, compared and hashed as bytes.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstring>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/bytes.h"

namespace nightsafe {

std::string HexEncode(ByteView bytes);
// INVALID_ARGUMENT unless `hex` is lower- or upper-case hex of an even length.
absl::StatusOr<std::string> HexDecode(absl::string_view hex);

template <typename Tag, size_t N>
struct Id {
  static constexpr size_t kSize = N;
  std::array<std::byte, N> bytes{};

  // INVALID_ARGUMENT unless `view` has exactly kSize bytes.
  static absl::StatusOr<Id> FromBytes(ByteView view) {
    if (view.size() != N) {
      return absl::InvalidArgumentError("identifier of the wrong length");
    }
    return FromValidBytes(view);
  }
  // `view` must have at least kSize bytes; the first kSize are taken.
  static Id FromValidBytes(ByteView view) {
    Id id;
    std::memcpy(id.bytes.data(), view.data(), N);
    return id;
  }
  static absl::StatusOr<Id> FromHex(absl::string_view hex) {
    absl::StatusOr<std::string> raw = HexDecode(hex);
    if (!raw.ok()) return raw.status();
    return FromBytes(AsBytes(*raw));
  }

  ByteView view() const { return bytes; }
  absl::string_view text() const { return AsText(bytes); }
  std::string Hex() const { return HexEncode(bytes); }
  bool IsZero() const { return *this == Id{}; }

  friend bool operator==(const Id&, const Id&) = default;
  friend std::strong_ordering operator<=>(const Id& a, const Id& b) {
    return std::memcmp(a.bytes.data(), b.bytes.data(), N) <=> 0;
  }
  template <typename H>
  friend H AbslHashValue(H h, const Id& id) {
    return H::combine_contiguous(
        std::move(h), reinterpret_cast<const char*>(id.bytes.data()), N);
  }
};

// BLAKE3 of a sealed object's bytes.
using ObjectId = Id<struct ObjectIdTag, 32>;
// The object id of a snapshot's manifest.
using SnapshotId = Id<struct SnapshotIdTag, 32>;
// BLAKE3 of the first verify key of a vault (see crypto/FORMAT.md).
using VaultId = Id<struct VaultIdTag, 32>;
// Keyed hash of a plaintext; never leaves the host.
using Fingerprint = Id<struct FingerprintTag, 32>;
// One attempt to deposit one snapshot; chosen by the agent at random.
using SessionId = Id<struct SessionIdTag, 16>;
using PackId = Id<struct PackIdTag, 16>;
// 64 random bits, then 128 bits of a hash over them and the first admin key.
// Written as 48 hex digits.
using ServerId = Id<struct ServerIdTag, 24>;

inline ObjectId ManifestObjectId(const SnapshotId& id) {
  return ObjectId::FromValidBytes(id.bytes);
}

}  // namespace nightsafe
