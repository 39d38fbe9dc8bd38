// Runs a fuzz target without libFuzzer: the corpus, then random mutations of
// it. Finds less than a coverage-guided run, but needs no special compiler, so
// every build has it.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
// Of the sanitizers' runtime; null in a build without one.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(
    void (*callback)());

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr size_t kMaxInputBytes = 256 << 10;
constexpr unsigned kMaxSecondsPerInput = 20;

struct Options {
  std::string corpus;
  uint64_t runs = 20000;
  uint64_t seconds = 20;
  uint64_t seed = std::random_device{}();
};

// What is being run, for the signal handler to save.
const char* current_data = nullptr;
size_t current_size = 0;
char crash_path[256] = "fuzz-crash";

void Say(const char* text) {
  if (write(STDERR_FILENO, text, std::strlen(text)) < 0) _exit(2);
}

// Only async-signal-safe calls: the process is already broken.
void SaveInput(const char* verdict) {
  int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd >= 0 && write(fd, current_data, current_size) >= 0) close(fd);
  Say(verdict);
  Say(crash_path);
  Say("\n");
}

void OnSanitizerDeath() {
  SaveInput("fuzz: input crashes the target, saved as ");
}

void OnSignal(int signal) {
  std::signal(signal, SIG_DFL);
  SaveInput(signal == SIGALRM ? "fuzz: input takes too long, saved as "
                              : "fuzz: input crashes the target, saved as ");
  raise(signal);
}

void RunOne(const std::string& input) {
  // An exact copy on the heap, so that a sanitizer sees a read past the end.
  std::vector<uint8_t> copy(input.begin(), input.end());
  current_data = input.data();
  current_size = input.size();
  alarm(kMaxSecondsPerInput);
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
  alarm(0);
}

std::vector<std::string> ReadCorpus(const fs::path& path) {
  std::vector<fs::path> files;
  if (fs::is_regular_file(path)) files.push_back(path);
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> inputs;
  for (const fs::path& file : files) {
    std::ifstream stream(file, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(stream),
                        std::istreambuf_iterator<char>());
  }
  return inputs;
}

class Mutator {
 public:
  Mutator(const std::vector<std::string>& corpus, uint64_t seed)
      : corpus_(corpus), random_(seed) {}

  std::string Next() {
    std::string input = Pick();
    for (size_t left = 1 + Below(5); left > 0; --left) Mutate(input);
    if (input.size() > kMaxInputBytes) input.resize(kMaxInputBytes);
    return input;
  }

 private:
  size_t Below(size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  char Byte() { return static_cast<char>(random_()); }
  const std::string& Pick() { return corpus_[Below(corpus_.size())]; }

  void Mutate(std::string& input) {
    const size_t at = Below(input.size() + 1);
    const size_t length = Below(std::min<size_t>(input.size() - at, 64) + 1);
    switch (Below(9)) {
      case 0:
        return FlipBit(input);
      case 1:
        return SetInteger(input);
      case 2:
        input.erase(at, length);
        return;
      case 3:
        input.insert(at, input.substr(Below(at + 1), length));
        return;
      case 4:
        input.insert(at, 1 + Below(16), Byte());
        return;
      case 5:
        input.resize(at);
        return;
      case 6:
        return Splice(input, at);
      case 7:
        std::fill_n(input.begin() + static_cast<ptrdiff_t>(at), length, Byte());
        return;
      default:
        if (at < input.size()) input[at] = Byte();
    }
  }

  void FlipBit(std::string& input) {
    if (input.empty()) return;
    char& byte = input[Below(input.size())];
    byte = static_cast<char>(byte ^ (1 << Below(8)));
  }

  // A value at the edge of some range, little-endian, over existing bytes:
  // lengths and counts are where decoders go wrong.
  void SetInteger(std::string& input) {
    static constexpr uint64_t kEdges[] = {
        0,      1,      0x7f,     0x80,       0xff,       0x7fff,
        0x8000, 0xffff, 0x10000,  0x7fffffff, 0x80000000, 0xffffffff,
        4096,   4097,   8u << 20, 1ull << 32, 1ull << 63, ~0ull};
    uint64_t value = kEdges[Below(std::size(kEdges))] + Below(3) - 1;
    const size_t width = size_t{1} << Below(4);
    if (input.size() < width) return;
    const size_t at = Below(input.size() - width + 1);
    for (size_t i = 0; i < width; ++i, value >>= 8) {
      input[at + i] = static_cast<char>(value & 0xff);
    }
  }

  void Splice(std::string& input, size_t at) {
    const std::string& other = Pick();
    const size_t from = Below(other.size() + 1);
    input.replace(at, std::string::npos, other, from, std::string::npos);
  }

  const std::vector<std::string>& corpus_;
  std::mt19937_64 random_;
};

Options Parse(int argc, char** argv) {
  Options options;
  auto number = [](const std::string& argument, const char* name,
                   uint64_t& value) {
    const std::string prefix = std::string(name) + "=";
    if (argument.rfind(prefix, 0) != 0) return false;
    value = std::strtoull(argument.c_str() + prefix.size(), nullptr, 10);
    return true;
  };
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (number(argument, "--runs", options.runs) ||
        number(argument, "--seconds", options.seconds) ||
        number(argument, "--seed", options.seed)) {
      continue;
    }
    if (argument.rfind("--", 0) == 0 || !options.corpus.empty()) {
      std::fprintf(stderr,
                   "usage: %s [--runs=N] [--seconds=N] [--seed=N] "
                   "CORPUS_DIR|INPUT_FILE\n",
                   argv[0]);
      std::exit(2);
    }
    options.corpus = argument;
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = Parse(argc, argv);
  const std::string name = fs::path(argv[0]).filename();
  std::snprintf(crash_path, sizeof crash_path, "%s-crash-%llu", name.c_str(),
                static_cast<unsigned long long>(options.seed));
  for (int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGALRM}) {
    std::signal(signal, OnSignal);
  }
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(OnSanitizerDeath);
  }

  const std::vector<std::string> corpus = ReadCorpus(options.corpus);
  if (corpus.empty()) {
    std::fprintf(stderr,
                 "fuzz: no inputs in '%s': an empty corpus proves "
                 "nothing\n",
                 options.corpus.c_str());
    return 1;
  }
  std::printf("%s: %zu inputs, seed %llu\n", name.c_str(), corpus.size(),
              static_cast<unsigned long long>(options.seed));
  std::fflush(stdout);
  RunOne("");
  for (const std::string& input : corpus) RunOne(input);

  Mutator mutator(corpus, options.seed);
  const auto deadline = Clock::now() + std::chrono::seconds(options.seconds);
  uint64_t done = 0;
  while (done < options.runs && Clock::now() < deadline) {
    RunOne(mutator.Next());
    ++done;
  }
  std::printf("%s: %llu mutations, no crash\n", name.c_str(),
              static_cast<unsigned long long>(done));
  return done == 0 && options.runs != 0 ? 1 : 0;
}
