// Commits one fault on purpose, named on the command line. A sanitizer that
// does not report it is not at work, so a test demands the report.
#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"

namespace {

// What the compiler cannot see through.
template <typename T>
T Hidden(T value) {
  volatile T copy = value;
  return copy;
}

void HeapOverflow() {
  std::vector<char> bytes(Hidden<size_t>(16));
  char* end = bytes.data() + bytes.size();
  *Hidden(end) = 'x';
}

void UseAfterFree() {
  auto* text = new std::string("a text that is not short enough to be inline");
  const char* bytes = text->data();
  delete text;
  std::fputc(*Hidden(bytes), stderr);
}

volatile int* left_behind;

void Leave() {
  volatile int here = 1;
  left_behind = &here;
}

void UseAfterReturn() {
  Leave();
  std::fputc(*left_behind, stderr);
}

// Inside the capacity: only the assertions of the library see it.
void IndexPastEnd() {
  std::vector<char> bytes;
  bytes.reserve(16);
  bytes[Hidden<size_t>(3)] = 'x';
}

void Leak() {
  auto* lost = new std::string(Hidden<size_t>(1000), 'x');
  Hidden(lost);
}

void SignedOverflow() { std::fputc(Hidden(INT_MAX) + Hidden(1), stderr); }

void BadShift() { std::fputc(1 << Hidden(40), stderr); }

void FloatCast() { std::fputc(static_cast<int>(Hidden(1e20)), stderr); }

// Two threads that add to one number, each under a lock or not.
void Add(bool first_locks, bool second_locks) {
  absl::Mutex mutex;
  int64_t total = 0;
  auto add = [&](bool lock) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    for (int i = 0; i < 1000; ++i) {
      if (lock) mutex.Lock();
      ++total;
      if (lock) mutex.Unlock();
    }
  };
  std::thread second([&] { add(second_locks); });
  add(first_locks);
  second.join();
  std::fprintf(stderr, "%lld\n", static_cast<long long>(total));
}

void LockOrder() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  absl::Mutex one, other;
  one.Lock();
  other.Lock();
  other.Unlock();
  one.Unlock();
  std::thread([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    other.Lock();
    one.Lock();
    one.Unlock();
    other.Unlock();
  }).join();
}

// Handed over through a condition: no report where absl is instrumented.
void Handover() {
  absl::Mutex mutex;
  bool ready = false;
  std::string text;
  std::thread writer([&] {
    text = "written before";
    absl::MutexLock lock(&mutex);
    ready = true;
  });
  {
    absl::MutexLock lock(&mutex);
    mutex.Await(absl::Condition(&ready));
  }
  std::fputs(text.c_str(), stderr);
  writer.join();
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, std::function<void()>> faults = {
      {"heap_overflow", HeapOverflow},
      {"use_after_free", UseAfterFree},
      {"use_after_return", UseAfterReturn},
      {"index_past_end", IndexPastEnd},
      {"leak", Leak},
      {"signed_overflow", SignedOverflow},
      {"bad_shift", BadShift},
      {"float_cast", FloatCast},
      {"race", [] { Add(false, false); }},
      {"lock_omitted", [] { Add(true, false); }},
      {"locked", [] { Add(true, true); }},
      {"lock_order", LockOrder},
      {"handover", Handover},
  };
  auto fault = faults.find(argc == 2 ? argv[1] : "");
  if (fault == faults.end()) return 2;
  fault->second();
  return 0;
}
