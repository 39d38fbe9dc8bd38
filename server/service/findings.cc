#include "server/service/findings.h"

#include <set>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

namespace nightsafe {
namespace {

// Of a pack: the snapshots of all its objects.
struct PackHits {
  std::set<size_t, std::greater<>> snapshots;  // places, the latest first
  uint64_t more = 0;
};

class Converter {
 public:
  Converter(absl::string_view vault, const Damage& damage)
      : vault_(vault), damage_(damage) {
    for (const DamagedObject& object : damage.objects) {
      objects_[{object.domain_number, object.id}] = &object;
      PackHits& hits = packs_[object.pack];
      hits.snapshots.insert(object.snapshots.begin(), object.snapshots.end());
      hits.more = std::max(hits.more, object.more_snapshots);
    }
  }

  v1::ScrubFinding Convert(const ScrubProblem& problem) {
    v1::ScrubFinding finding;
    finding.set_vault(std::string(vault_));
    finding.set_domain_number(problem.domain_number);
    finding.set_object_id(std::string(problem.id.text()));
    finding.set_pack(problem.pack);
    finding.set_offset(problem.offset);
    finding.set_verdict(std::string(VerdictName(problem.verdict)));
    finding.set_detail(problem.detail);
    finding.set_objects(problem.objects);
    if (problem.id.IsZero()) {
      named_packs_.insert(problem.pack);
      NamePack(problem.pack, finding);
      return finding;
    }
    const auto it = objects_.find({problem.domain_number, problem.id});
    if (it != objects_.end()) {
      named_.insert(it->first);
      Name(*it->second, finding);
    }
    return finding;
  }

  // No problem named it.
  bool IsNew(const DamagedObject& object) const {
    return !named_.contains({object.domain_number, object.id}) &&
           !named_packs_.contains(object.pack);
  }

 private:
  void Name(const DamagedObject& object, v1::ScrubFinding& finding) const {
    for (const size_t place : object.snapshots) {
      *finding.add_snapshots() = ToMessage(damage_.snapshots[place]);
    }
    finding.set_more_snapshots(object.more_snapshots);
  }

  void NamePack(const std::string& pack, v1::ScrubFinding& finding) const {
    const auto it = packs_.find(pack);
    if (it == packs_.end()) return;
    uint64_t more = it->second.more;
    for (const size_t place : it->second.snapshots) {
      if (static_cast<size_t>(finding.snapshots_size()) == kMaxNamedSnapshots) {
        ++more;
        continue;
      }
      *finding.add_snapshots() = ToMessage(damage_.snapshots[place]);
    }
    finding.set_more_snapshots(more);
  }

  const absl::string_view vault_;
  const Damage& damage_;
  absl::flat_hash_map<ObjectKeyPair, const DamagedObject*> objects_;
  absl::flat_hash_map<std::string, PackHits> packs_;
  absl::flat_hash_set<ObjectKeyPair> named_;
  absl::flat_hash_set<std::string> named_packs_;
};

}  // namespace

v1::HitSnapshot ToMessage(const HitSnapshot& snapshot) {
  v1::HitSnapshot message;
  message.set_snapshot(std::string(snapshot.id.text()));
  message.set_host(snapshot.host);
  message.set_set(snapshot.set);
  message.set_sequence(snapshot.sequence);
  message.set_received_unix_ns(absl::ToUnixNanos(snapshot.received));
  message.set_objects(snapshot.objects);
  message.set_more_objects(snapshot.more);
  return message;
}

std::vector<v1::ScrubFinding> ToFindings(
    absl::string_view vault, const std::vector<ScrubProblem>& problems,
    const Damage& damage) {
  Converter converter(vault, damage);
  std::vector<v1::ScrubFinding> findings;
  for (const ScrubProblem& problem : problems) {
    findings.push_back(converter.Convert(problem));
  }
  for (const DamagedObject& object : damage.objects) {
    if (!converter.IsNew(object)) continue;
    findings.push_back(converter.Convert({.domain_number = object.domain_number,
                                          .id = object.id,
                                          .pack = object.pack,
                                          .offset = object.offset,
                                          .verdict = object.verdict,
                                          .detail = object.reason}));
  }
  return findings;
}

}  // namespace nightsafe
