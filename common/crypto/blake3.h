// BLAKE3 (https://github.com/BLAKE3-team/BLAKE3-specs): hash, keyed hash and
// key derivation. With the rest of this folder, the only user of blake3.h.
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <memory>

#include "absl/strings/string_view.h"
#include "common/base/bytes.h"
#include "common/base/ids.h"

namespace nightsafe {

using Hash32 = std::array<std::byte, 32>;
using KeyView = std::span<const std::byte, 32>;

// Incremental; copies nothing it is given. Not thread-safe.
class Blake3 {
 public:
  Blake3();                      // plain hash
  explicit Blake3(KeyView key);  // keyed hash
  // Key derivation; `context` is a constant of the program.
  static Blake3 DeriveKey(absl::string_view context);
  Blake3(Blake3&&) noexcept;
  Blake3& operator=(Blake3&&) noexcept;
  ~Blake3();  // erases its state

  Blake3& Update(ByteView bytes);
  // May be called more than once; later updates go on from here.
  Hash32 Finish() const;

 private:
  struct State;
  explicit Blake3(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

Hash32 HashOf(ByteView bytes);
Hash32 KeyedHashOf(KeyView key, ByteView bytes);
// BLAKE3 derive_key(context) over every part, each with its u32 length before
// it, so that parts cannot run into each other.
Hash32 DeriveHash(absl::string_view context,
                  std::initializer_list<ByteView> parts);

}  // namespace nightsafe
