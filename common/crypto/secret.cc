#include "common/crypto/secret.h"

#include <sodium.h>

namespace nightsafe {

void EraseBytes(MutableBytes bytes) {
  sodium_memzero(bytes.data(), bytes.size());
}

void EraseString(std::string& secret) {
  EraseBytes(AsMutableBytes(secret));
  secret.clear();
}

}  // namespace nightsafe
