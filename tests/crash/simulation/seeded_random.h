// Makes all that is random in the product follow from a seed, so that a run
// can be repeated. For programs that do nothing else.
#pragma once

#include <cstdint>
#include <random>

namespace nightsafe {

// Before anything of common/crypto.
void UseSeededRandom();

// The product draws from `seed` while this lives, and then goes on where it
// was.
class SeededRandom {
 public:
  explicit SeededRandom(uint64_t seed);
  SeededRandom(const SeededRandom&) = delete;
  SeededRandom& operator=(const SeededRandom&) = delete;
  ~SeededRandom();

 private:
  const std::mt19937_64 before_;
};

// One seed out of several numbers.
uint64_t MixSeed(uint64_t a, uint64_t b, uint64_t c = 0);

}  // namespace nightsafe
