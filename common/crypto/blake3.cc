#include "common/crypto/blake3.h"

#include <blake3.h>

#include <cstdint>
#include <utility>

#include "common/crypto/raw_bytes.h"
#include "common/crypto/secret.h"

namespace nightsafe {
namespace {

void UpdateWith(blake3_hasher& hasher, ByteView bytes) {
  blake3_hasher_update(&hasher, bytes.data(), bytes.size());
}

void UpdateWithLength(blake3_hasher& hasher, size_t size) {
  const auto length = static_cast<uint32_t>(size);
  uint8_t raw[4];
  for (int i = 0; i < 4; ++i) raw[i] = static_cast<uint8_t>(length >> (8 * i));
  blake3_hasher_update(&hasher, raw, sizeof(raw));
}

Hash32 FinishOf(const blake3_hasher& hasher) {
  Hash32 hash;
  blake3_hasher_finalize(&hasher, MutableRawBytes(hash), hash.size());
  return hash;
}

void EraseHasher(blake3_hasher& hasher) {
  EraseBytes(std::as_writable_bytes(std::span(&hasher, 1)));
}

}  // namespace

struct Blake3::State {
  blake3_hasher hasher;
};

Blake3::Blake3() : state_(std::make_unique<State>()) {
  blake3_hasher_init(&state_->hasher);
}

Blake3::Blake3(KeyView key) : state_(std::make_unique<State>()) {
  blake3_hasher_init_keyed(&state_->hasher, RawBytes(key));
}

Blake3::Blake3(std::unique_ptr<State> state) : state_(std::move(state)) {}

Blake3 Blake3::DeriveKey(absl::string_view context) {
  auto state = std::make_unique<State>();
  blake3_hasher_init_derive_key_raw(&state->hasher, context.data(),
                                    context.size());
  return Blake3(std::move(state));
}

Blake3::Blake3(Blake3&&) noexcept = default;

Blake3& Blake3::operator=(Blake3&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

Blake3::~Blake3() {
  if (state_ != nullptr) EraseHasher(state_->hasher);
}

Blake3& Blake3::Update(ByteView bytes) {
  UpdateWith(state_->hasher, bytes);
  return *this;
}

Hash32 Blake3::Finish() const { return FinishOf(state_->hasher); }

Hash32 HashOf(ByteView bytes) {
  blake3_hasher hasher;
  blake3_hasher_init(&hasher);
  UpdateWith(hasher, bytes);
  return FinishOf(hasher);
}

Hash32 KeyedHashOf(KeyView key, ByteView bytes) {
  blake3_hasher hasher;
  blake3_hasher_init_keyed(&hasher, RawBytes(key));
  UpdateWith(hasher, bytes);
  Hash32 hash = FinishOf(hasher);
  EraseHasher(hasher);
  return hash;
}

Hash32 DeriveHash(absl::string_view context,
                  std::initializer_list<ByteView> parts) {
  blake3_hasher hasher;
  blake3_hasher_init_derive_key_raw(&hasher, context.data(), context.size());
  for (ByteView part : parts) {
    UpdateWithLength(hasher, part.size());
    UpdateWith(hasher, part);
  }
  Hash32 hash = FinishOf(hasher);
  EraseHasher(hasher);
  return hash;
}

}  // namespace nightsafe
