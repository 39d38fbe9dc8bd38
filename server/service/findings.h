// What a scrub found, with the snapshots concerned, as messages.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "nightsafe/v1/admin.pb.h"
#include "server/vault/damage.h"
#include "server/vault/scrub.h"

namespace nightsafe {

v1::HitSnapshot ToMessage(const HitSnapshot& snapshot);

// `problems` first, then what snapshots lack and no problem names. A pack that
// is missing may make hundreds of thousands of them, so each is made a message
// only when it is asked for.
class FindingList {
 public:
  // Borrows all.
  FindingList(absl::string_view vault,
              const std::vector<ScrubProblem>& problems, const Damage& damage);

  size_t size() const { return problems_.size() + others_.size(); }
  v1::ScrubFinding Make(size_t place) const;

 private:
  // Of a pack: the snapshots of all its objects.
  struct PackHits {
    std::set<size_t, std::greater<>> snapshots;  // places, the latest first
    uint64_t more = 0;
  };

  v1::ScrubFinding MakeProblem(const ScrubProblem& problem) const;
  void Name(const DamagedObject& object, v1::ScrubFinding& finding) const;
  void NamePack(const std::string& pack, v1::ScrubFinding& finding) const;

  const absl::string_view vault_;
  const std::vector<ScrubProblem>& problems_;
  const Damage& damage_;
  std::vector<size_t> others_;  // places in Damage::objects
  absl::flat_hash_map<ObjectKeyPair, const DamagedObject*> objects_;
  absl::flat_hash_map<std::string, PackHits> packs_;
};

}  // namespace nightsafe
