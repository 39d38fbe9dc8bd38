// What each host of a vault committed of late, in all its sets.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/vault/vault.h"

namespace nightsafe {

// Of one vault. Thread-compatible.
class CommitBook {
 public:
  static constexpr absl::Duration kSpan = absl::Hours(24);

  struct HostCommits {
    uint64_t commits = 0;  // of the last kSpan
    uint64_t manifest_bytes = 0;
    absl::Time oldest;  // of them
    size_t sets = 0;    // that it ever committed to
    bool knows_set = false;
  };

  // What the vault's journal says; in it since the server was started.
  void Load(const Vault& vault, absl::Time now);
  bool loaded() const { return loaded_; }

  HostCommits Of(absl::string_view host, absl::string_view set, absl::Time now);
  void Add(absl::string_view host, absl::string_view set,
           uint64_t manifest_bytes, absl::Time when);

 private:
  struct Commit {
    absl::Time when;
    uint64_t manifest_bytes;
  };
  struct Host {
    std::deque<Commit> commits;  // oldest first
    uint64_t manifest_bytes = 0;
    std::set<std::string, std::less<>> sets;
  };

  bool loaded_ = false;
  std::map<std::string, Host, std::less<>> hosts_;
};

}  // namespace nightsafe
