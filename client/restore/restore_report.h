// What a restore or a verification did, and what went wrong with which entry.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace nightsafe {

enum class Trouble {
  kDamaged,     // stored bytes are missing or wrong
  kNotWritten,  // could not be made in the target
  kNotSaved,    // had been unreadable when it was backed up
  kNotApplied,  // made, but an attribute could not be set
};
inline constexpr size_t kTroubleKinds = 4;

struct Problem {
  Trouble trouble;
  std::string path;  // raw bytes; empty: of the whole
  std::string reason;
};

// Counts all problems, shows each as it comes, keeps none.
class RestoreReport {
 public:
  using Listener = std::function<void(const Problem&)>;
  explicit RestoreReport(Listener listener) : listener_(std::move(listener)) {}

  void Add(Trouble trouble, absl::string_view path, absl::string_view reason) {
    ++counts_[static_cast<size_t>(trouble)];
    if (listener_) {
      listener_({trouble, std::string(path), std::string(reason)});
    }
  }
  uint64_t count(Trouble trouble) const {
    return counts_[static_cast<size_t>(trouble)];
  }

  uint64_t entries = 0;        // made, or verified
  uint64_t files = 0;          // regular ones among them
  uint64_t file_bytes = 0;     // their sizes
  uint64_t written_bytes = 0;  // without holes and further hard links

 private:
  Listener listener_;
  std::array<uint64_t, kTroubleKinds> counts_{};
};

}  // namespace nightsafe
