#include "client/agent/known_content.h"

#include <utility>

namespace nightsafe {
namespace {

constexpr size_t kMaxPlaces = 1 << 17;

}  // namespace

std::optional<PendingExtent> KnownContent::Find(const Fingerprint& fingerprint,
                                                uint64_t length,
                                                double least_live) const {
  PendingExtent found;
  found.indexed.fingerprint = fingerprint;
  const auto place = places_.find(fingerprint);
  if (place != places_.end() && place->second.length == length) {
    found.indexed.extent.offset = place->second.offset;
    found.indexed.extent.length = length;
    found.job = place->second.job;
    return found;
  }
  if (index_ == nullptr) return std::nullopt;
  const auto extent = index_->Find(fingerprint, least_live);
  if (!extent.has_value() || extent->length != length) return std::nullopt;
  found.indexed.extent = *extent;
  return found;
}

void KnownContent::Remember(const Fingerprint& fingerprint,
                            std::shared_ptr<SealJob> job, uint32_t offset,
                            uint64_t length) {
  if (places_.size() >= kMaxPlaces) places_.clear();
  places_[fingerprint] = {std::move(job), offset,
                          static_cast<uint32_t>(length)};
}

}  // namespace nightsafe
