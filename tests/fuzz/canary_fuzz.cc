// A target with a bug near its corpus. A fuzz run that does not find it is
// broken, so the tests demand that this one fails.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4 && std::memcmp(data, "NS", 2) == 0 && data[2] == 0xff) abort();
  return 0;
}
