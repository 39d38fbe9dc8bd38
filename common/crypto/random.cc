#include "common/crypto/random.h"

#include <sodium.h>

#include "common/base/check.h"
#include "common/crypto/blake3.h"

namespace nightsafe {
namespace {

bool Start() {
  NS_CHECK(sodium_init() >= 0);
  // BLAKE3's sources look at the processor at their first use and write down
  // what they find without a lock: let that happen here.
  HashOf({});
  return true;
}

}  // namespace

void InitCrypto() {
  static const bool started = Start();
  NS_CHECK(started);
}

void FillRandom(MutableBytes out) {
  InitCrypto();
  randombytes_buf(out.data(), out.size());
}

Secret32 RandomSecret() {
  Secret32 secret;
  FillRandom(secret.mutable_view());
  return secret;
}

}  // namespace nightsafe
