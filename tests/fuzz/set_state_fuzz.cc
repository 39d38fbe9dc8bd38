// First byte even: the rest is a state file. Odd: it is one but for its
// checksum, which is put right. What decodes encodes to the same bytes.
#include <cstddef>
#include <cstdint>
#include <string>

#include "client/agent/state.h"
#include "common/base/check.h"
#include "common/crypto/blake3.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  FuzzInput input(data, size);
  const bool sum = input.Flag();
  std::string bytes = input.RestText();
  if (sum) {
    const Hash32 hash = HashOf(AsBytes(bytes));
    AppendBytes(hash, bytes);
  }
  const absl::StatusOr<SetState> state = DecodeSetState(AsBytes(bytes));
  NS_CHECK(state.ok() ? EncodeSetState(*state) == bytes
                      : absl::IsDataLoss(state.status()));
  return 0;
}
