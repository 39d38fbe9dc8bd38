// A compromised host that holds the keys of another's domain tries to plant
// bytes under the ids of what the other is about to store.
//
// usage: poisoning [--tries N] [--seed N]
//
// It knows the other's next files and so every id and byte that the other will
// put. It tries as a host of its own and with the other's own stolen
// credential, before and during the other's backup. Effective is a try after
// which the server holds other bytes under such an id in the honest host's
// domain (or, from another domain, any), after which the backup fails, or the
// snapshot restores to something else. Exit code 1 if one is.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <thread>

#include "tests/integration/poisoning/tricks.h"

namespace nightsafe {
namespace {

constexpr size_t kTriesANight = 40;
constexpr size_t kTriesBeside = 10;  // of them, while the other backs up

class Campaign {
 public:
  Campaign(size_t tries, uint64_t seed)
      : tries_(tries), random_(seed), world_(seed) {}

  bool Run() {
    for (int night = 0; tried_ < tries_; ++night) OneNight(night % 2 == 1);
    const auto scrub =
        (*world_.server().server().data().FindVault("main"))->Scrub({});
    if (!scrub.ok() || !scrub->problems.empty()) Effective("scrub");
    for (const Trick& trick : Tricks()) {
      std::printf("%-40s %5zu tries\n", trick.name, counts_[trick.name]);
    }
    std::printf(
        "%zu tries, %zu backups; %zu of %zu objects were foreseen: "
        "%zu effective\n",
        tried_, backups_, held_, targets_, effective_);
    return effective_ == 0;
  }

 private:
  void Effective(const std::string& why) {
    ++effective_;
    std::printf("effective: %s\n", why.c_str());
  }

  void Try(const Trick& trick, const Intruder& intruder,
           const std::vector<Target>& targets) {
    trick.play(intruder, targets[random_() % targets.size()],
               targets[random_() % targets.size()], random_);
    ++counts_[trick.name];
    ++tried_;
  }

  void OneNight(bool stolen) {
    const std::vector<Target> targets = world_.ForeseeNight();
    const auto& credential = stolen ? world_.honest() : world_.sharer();
    const auto connection = world_.server().Connect(credential);
    const Intruder intruder{credential, *connection};
    for (size_t i = 0; i + kTriesBeside < kTriesANight; ++i) {
      const Trick& trick = Tricks()[random_() % Tricks().size()];
      Try(trick, intruder, targets);
      for (const Target& target : targets) Judge(target, stolen, trick.name);
    }
    std::thread beside([&] {
      const Trick trick{"offered, then other bytes", OfferAndPutOther};
      for (size_t i = 0; i < kTriesBeside; ++i) Try(trick, intruder, targets);
    });
    const auto result = world_.Backup();
    beside.join();
    ++backups_;
    if (!result.ok()) return Effective("backup: " + result.status().ToString());
    const absl::Status restored = world_.CheckRestore();
    if (!restored.ok()) Effective("restore: " + restored.ToString());
    targets_ += targets.size();
    for (const Target& target : targets) {
      const auto bytes = world_.Fetch(target.id);
      held_ += bytes.ok();
      Judge(target, true, "backup");
    }
  }

  // `may_be_there`: with the bytes that belong there.
  void Judge(const Target& target, bool may_be_there, const std::string& who) {
    const auto bytes = world_.Fetch(target.id);
    if (absl::IsNotFound(bytes.status())) return;
    if (bytes.ok() && *bytes == target.bytes && may_be_there) return;
    Effective(who + ": " + target.id.Hex() + ": " + bytes.status().ToString());
  }

  const size_t tries_;
  std::mt19937_64 random_;
  PoisonWorld world_;
  std::map<std::string, size_t> counts_;
  size_t tried_ = 0;
  size_t backups_ = 0;
  size_t targets_ = 0;
  size_t held_ = 0;
  size_t effective_ = 0;
};

}  // namespace
}  // namespace nightsafe

int main(int argc, char** argv) {
  size_t tries = 1000;
  uint64_t seed = std::random_device()();
  for (int i = 1; i + 1 < argc; i += 2) {
    const uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--tries") == 0) tries = value;
    if (std::strcmp(argv[i], "--seed") == 0) seed = value;
  }
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  return nightsafe::Campaign(tries, seed).Run() ? 0 : 1;
}
