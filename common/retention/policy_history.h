// The policies of a vault as they were set, one after the other.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/retention/policy.h"
#include "nightsafe/v1/format/policy.pb.h"

namespace nightsafe {

// A lowered floor or trash time takes effect only when the old one has passed
// since the change: who steals an admin key cannot make what was promised go
// away before anybody notices. What is raised is in force at once, and so is
// everything that was set before the vault had a snapshot. Thread-compatible.
class PolicyHistory {
 public:
  // A change of the policy of the vault (both names empty), a host (`set`
  // empty) or a set; it takes the place of what was set there before. Times
  // never fall.
  void Set(const std::string& host, const std::string& set,
           const v1::format::Policy& policy, absl::Time when);
  // A snapshot was committed; only the first matters.
  void NoteSnapshot(absl::Time when);

  // What is set for exactly that scope; null if nothing is.
  const v1::format::Policy* Find(const std::string& host,
                                 const std::string& set) const;

  struct InForce {
    // With the floor and trash time that hold at that moment.
    EffectivePolicy effective;
    // What was set, if it does not hold yet, and when it will.
    absl::Duration pending_min_age;
    absl::Time min_age_from = absl::InfinitePast();  // nothing is pending
    absl::Duration pending_trash;
    absl::Time trash_from = absl::InfinitePast();
  };
  // `set` empty: what sets of that host inherit; both empty: hosts.
  InForce At(const std::string& host, const std::string& set,
             absl::Time now) const;

  struct Scope {
    std::string host;
    std::string set;
    v1::format::Policy policy;
    absl::Time since;
  };
  // What is set now, the vault first, by host and set.
  std::vector<Scope> Scopes() const;

 private:
  using ScopeName = std::pair<std::string, std::string>;  // host, set
  struct Change {
    absl::Time when;
    v1::format::Policy policy;
  };
  std::map<ScopeName, std::vector<Change>> changes_;
  absl::Time first_snapshot_ = absl::InfiniteFuture();
};

}  // namespace nightsafe
