// Where nodes of a tree end. Pure. FORMAT.md has the rule; it must never change
// within a domain.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/bytes.h"
#include "common/crypto/domain_keys.h"
#include "common/crypto/siphash.h"
#include "common/tree/path_key.h"

namespace nightsafe {

// A node is ended before an item that would make it weigh more.
inline constexpr size_t kMaxNodeWeight = 512 << 10;

class BoundaryRule {
 public:
  explicit BoundaryRule(const DomainKeys& keys)
      : sip_(keys.boundary_key.view()) {}

  // Does a node of `level` end behind this entry or child (its first key)?
  bool EndsAfter(uint32_t level, const PathKey& key) const;
  // The same for nodes of extents, behind an extent of this object or this
  // child.
  bool EndsAfter(uint32_t level, const ObjectId& id) const;

 private:
  bool Chosen(uint32_t level, ByteView first, ByteView second) const;
  const SipHash sip_;
};

}  // namespace nightsafe
