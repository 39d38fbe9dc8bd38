#include "server/service/findings.h"

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_set.h"

namespace nightsafe {
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

FindingList::FindingList(absl::string_view vault,
                         const std::vector<ScrubProblem>& problems,
                         const Damage& damage)
    : vault_(vault), problems_(problems), damage_(damage) {
  absl::flat_hash_set<ObjectKeyPair> named;
  absl::flat_hash_set<std::string> named_packs;
  for (const ScrubProblem& problem : problems) {
    if (!problem.id.IsZero()) {
      named.insert({problem.domain_number, problem.id});
    } else if (problem.verdict != Verdict::kFraming) {
      named_packs.insert(problem.pack);
    }
  }
  for (size_t i = 0; i < damage.objects.size(); ++i) {
    const DamagedObject& object = damage.objects[i];
    const ObjectKeyPair key(object.domain_number, object.id);
    objects_[key] = &object;
    if (named_packs.contains(object.pack)) {
      PackHits& hits = packs_[object.pack];
      hits.snapshots.insert(object.snapshots.begin(), object.snapshots.end());
      hits.more = std::max(hits.more, object.more_snapshots);
    } else if (!named.contains(key)) {
      others_.push_back(i);
    }
  }
}

v1::ScrubFinding FindingList::Make(size_t place) const {
  if (place < problems_.size()) return MakeProblem(problems_[place]);
  const DamagedObject& object =
      damage_.objects[others_[place - problems_.size()]];
  return MakeProblem({.domain_number = object.domain_number,
                      .id = object.id,
                      .pack = object.pack,
                      .offset = object.offset,
                      .verdict = object.verdict,
                      .detail = object.reason});
}

v1::ScrubFinding FindingList::MakeProblem(const ScrubProblem& problem) const {
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
    NamePack(problem.pack, finding);
  } else if (const auto it = objects_.find({problem.domain_number, problem.id});
             it != objects_.end()) {
    Name(*it->second, finding);
  }
  finding.set_snapshots_unknown(finding.snapshots().empty() &&
                                (!damage_.complete || damage_.trimmed));
  return finding;
}

void FindingList::Name(const DamagedObject& object,
                       v1::ScrubFinding& finding) const {
  for (const size_t place : object.snapshots) {
    *finding.add_snapshots() = ToMessage(damage_.snapshots[place]);
  }
  finding.set_more_snapshots(object.more_snapshots);
}

void FindingList::NamePack(const std::string& pack,
                           v1::ScrubFinding& finding) const {
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

}  // namespace nightsafe
