// Contents that need not be sealed: the last snapshot has them, or this run
// came across them already.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "client/agent/file_content.h"
#include "client/agent/index_reader.h"

namespace nightsafe {

// Bundles of which less than this share was in the last snapshot are left: what
// is in them is bundled anew.
inline constexpr double kLeastLive = 0.5;
// The same for files that are due to be read again anyway.
inline constexpr double kLeastLiveWhenDue = 0.75;

// Not thread-safe. Borrows the index, which may be null.
class KnownContent {
 public:
  explicit KnownContent(const IndexReader* index) : index_(index) {}

  std::optional<PendingExtent> Find(const Fingerprint& fingerprint,
                                    uint64_t length, double least_live) const;
  // Of this run. Forgets all when there are too many.
  void Remember(const Fingerprint& fingerprint, std::shared_ptr<SealJob> job,
                uint32_t offset, uint64_t length);

 private:
  struct Place {
    std::shared_ptr<SealJob> job;
    uint32_t offset = 0;
    uint32_t length = 0;
  };
  const IndexReader* index_;
  absl::flat_hash_map<Fingerprint, Place> places_;
};

}  // namespace nightsafe
