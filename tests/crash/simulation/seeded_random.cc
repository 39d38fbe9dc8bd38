#include "tests/crash/simulation/seeded_random.h"

#include <sodium.h>

#include <cstring>

#include "common/base/check.h"

namespace nightsafe {
namespace {

std::mt19937_64& Engine() {
  static std::mt19937_64 engine;
  return engine;
}

void Fill(void* const out, const size_t length) {
  auto* bytes = static_cast<unsigned char*>(out);
  for (size_t i = 0; i < length; i += 8) {
    const uint64_t word = Engine()();
    std::memcpy(bytes + i, &word, std::min<size_t>(8, length - i));
  }
}

uint32_t Word() { return static_cast<uint32_t>(Engine()()); }

randombytes_implementation seeded = {
    .implementation_name = [] { return "seeded"; },
    .random = Word,
    .stir = nullptr,
    .uniform = nullptr,
    .buf = Fill,
    .close = nullptr,
};

}  // namespace

void UseSeededRandom() {
  NS_CHECK(randombytes_set_implementation(&seeded) == 0);
}

SeededRandom::SeededRandom(uint64_t seed) : before_(Engine()) {
  Engine().seed(seed);
}

SeededRandom::~SeededRandom() { Engine() = before_; }

uint64_t MixSeed(uint64_t a, uint64_t b, uint64_t c) {
  uint64_t mixed = a;
  for (const uint64_t word : {b, c}) {
    mixed = (mixed ^ word) + 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
  }
  return mixed;
}

}  // namespace nightsafe
