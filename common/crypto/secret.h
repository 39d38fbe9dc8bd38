// Secret bytes: move-only, erased when dropped.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"

namespace nightsafe {

// Overwrites in a way the compiler keeps.
void EraseBytes(MutableBytes bytes);
// Erases the text of `secret`, then empties it.
void EraseString(std::string& secret);

template <size_t N>
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::span<const std::byte, N> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  // INVALID_ARGUMENT unless `bytes` has exactly N.
  static absl::StatusOr<Secret> FromBytes(ByteView bytes) {
    if (bytes.size() != N) {
      return absl::InvalidArgumentError("secret of the wrong length");
    }
    return Secret(bytes.template first<N>());
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { other.Erase(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      other.Erase();
    }
    return *this;
  }
  ~Secret() { Erase(); }

  Secret Clone() const { return Secret(view()); }
  std::span<const std::byte, N> view() const { return bytes_; }
  // For a decoder or generator to fill in.
  std::span<std::byte, N> mutable_view() { return bytes_; }

 private:
  void Erase() { EraseBytes(bytes_); }
  std::array<std::byte, N> bytes_{};
};

using Secret32 = Secret<32>;

}  // namespace nightsafe
