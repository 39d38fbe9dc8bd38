// Random bytes from the operating system.
#pragma once

#include "common/base/bytes.h"
#include "common/crypto/secret.h"

namespace nightsafe {

// Once per program, before anything else of this folder; aborts if the crypto
// library cannot start (no entropy source). Safe to call again.
void InitCrypto();

void FillRandom(MutableBytes out);
Secret32 RandomSecret();

template <typename IdType>
IdType RandomId() {
  IdType id;
  FillRandom(id.bytes);
  return id;
}

}  // namespace nightsafe
