#include "common/retention/policy_history.h"

#include <algorithm>

namespace nightsafe {
namespace {

using v1::format::Policy;

// Values that were in force one after the other: what holds at `now` is the
// largest whose end is not as long ago as it is itself.
class DelayedLowering {
 public:
  DelayedLowering(absl::Time binding_from, absl::Time now)
      : binding_from_(binding_from), now_(now) {}

  void Next(absl::Duration value, absl::Time when) {
    if (has_value_ && value < last_ && when >= binding_from_) {
      const absl::Time ends = when + last_;
      if (ends > now_) {
        held_ = std::max(held_, last_);
        ends_ = std::max(ends_, ends);
      }
    }
    last_ = value;
    has_value_ = true;
  }

  absl::Duration asked() const { return last_; }
  absl::Duration in_force() const { return std::max(held_, last_); }
  // When what was asked for holds; InfinitePast: it does.
  absl::Time from() const {
    return held_ > last_ ? ends_ : absl::InfinitePast();
  }

 private:
  const absl::Time binding_from_;
  const absl::Time now_;
  absl::Duration last_;
  absl::Duration held_;
  absl::Time ends_ = absl::InfinitePast();
  bool has_value_ = false;
};

}  // namespace

void PolicyHistory::Set(const std::string& host, const std::string& set,
                        const Policy& policy, absl::Time when) {
  changes_[{host, set}].push_back({when, policy});
}

void PolicyHistory::NoteSnapshot(absl::Time when) {
  first_snapshot_ = std::min(first_snapshot_, when);
}

const Policy* PolicyHistory::Find(const std::string& host,
                                  const std::string& set) const {
  const auto found = changes_.find({host, set});
  return found == changes_.end() ? nullptr : &found->second.back().policy;
}

PolicyHistory::InForce PolicyHistory::At(const std::string& host,
                                         const std::string& set,
                                         absl::Time now) const {
  std::array<const std::vector<Change>*, 3> scopes{};
  const std::array<ScopeName, 3> names = {{{"", ""}, {host, ""}, {host, set}}};
  std::vector<absl::Time> times;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0 && names[i] == names[i - 1]) continue;
    const auto found = changes_.find(names[i]);
    if (found == changes_.end()) continue;
    scopes[i] = &found->second;
    for (const Change& change : found->second) times.push_back(change.when);
  }
  std::sort(times.begin(), times.end());

  std::array<const Policy*, 3> at{};
  std::array<size_t, 3> next{};
  InForce result{.effective = Merge(nullptr, nullptr, nullptr)};
  DelayedLowering floor(first_snapshot_, now);
  DelayedLowering trash(first_snapshot_, now);
  floor.Next(result.effective.policy.min_age, absl::InfinitePast());
  trash.Next(result.effective.policy.trash, absl::InfinitePast());
  for (absl::Time when : times) {
    if (when > now) break;
    for (size_t i = 0; i < scopes.size(); ++i) {
      while (scopes[i] != nullptr && next[i] < scopes[i]->size() &&
             (*scopes[i])[next[i]].when <= when) {
        at[i] = &(*scopes[i])[next[i]++].policy;
      }
    }
    result.effective = Merge(at[0], at[1], at[2]);
    floor.Next(result.effective.policy.min_age, when);
    trash.Next(result.effective.policy.trash, when);
  }
  result.pending_min_age = floor.asked();
  result.min_age_from = floor.from();
  result.effective.policy.min_age = floor.in_force();
  result.pending_trash = trash.asked();
  result.trash_from = trash.from();
  result.effective.policy.trash = trash.in_force();
  return result;
}

std::vector<PolicyHistory::Scope> PolicyHistory::Scopes() const {
  std::vector<Scope> scopes;
  for (const auto& [name, changes] : changes_) {
    scopes.push_back(
        {name.first, name.second, changes.back().policy, changes.back().when});
  }
  return scopes;
}

}  // namespace nightsafe
