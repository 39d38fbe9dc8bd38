#include "common/crypto/secret.h"

#include <gtest/gtest.h>

#include <new>
#include <type_traits>

#include "common/base/ids.h"
#include "common/crypto/random.h"

namespace nightsafe {
namespace {

static_assert(!std::is_copy_constructible_v<Secret32>);
static_assert(!std::is_copy_assignable_v<Secret32>);
static_assert(std::is_nothrow_move_constructible_v<Secret32>);

bool AllZero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](std::byte b) { return b == std::byte{0}; });
}

TEST(Secret, IsErasedWhenMovedFrom) {
  Secret32 from = RandomSecret();
  Secret32 copy = from.Clone();
  Secret32 to = std::move(from);
  EXPECT_TRUE(AllZero(from.view()));  // NOLINT: what is left is the point
  EXPECT_TRUE(
      std::equal(to.view().begin(), to.view().end(), copy.view().begin()));
  Secret32 assigned;
  assigned = std::move(to);
  EXPECT_TRUE(AllZero(to.view()));  // NOLINT
  EXPECT_TRUE(std::equal(assigned.view().begin(), assigned.view().end(),
                         copy.view().begin()));
}

TEST(Secret, IsErasedWhenDropped) {
  alignas(Secret32) std::byte memory[sizeof(Secret32)];
  auto* secret = new (memory) Secret32(RandomSecret());
  EXPECT_FALSE(AllZero(memory));
  secret->~Secret32();
  // Read through volatile: to the compiler these bytes are dead.
  const volatile std::byte* dead = memory;
  for (size_t i = 0; i < sizeof(memory); ++i) {
    EXPECT_EQ(static_cast<int>(dead[i]), 0) << i;
  }
}

TEST(Secret, RefusesAnotherLength) {
  for (size_t size : {0, 31, 33, 64}) {
    const std::string bytes(size, 'x');
    EXPECT_EQ(Secret32::FromBytes(AsBytes(bytes)).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(EraseString, EmptiesTheText) {
  std::string secret = "correct horse battery staple";
  const volatile char* memory = secret.data();
  const size_t size = secret.size();
  EraseString(secret);
  EXPECT_TRUE(secret.empty());
  for (size_t i = 0; i < size; ++i) EXPECT_EQ(memory[i], '\0') << i;
}

TEST(Random, DiffersEachTime) {
  EXPECT_NE(RandomId<SessionId>(), RandomId<SessionId>());
  EXPECT_FALSE(AllZero(RandomSecret().view()));
}

}  // namespace
}  // namespace nightsafe
