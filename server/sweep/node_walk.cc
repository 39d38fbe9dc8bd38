#include "server/sweep/node_walk.h"

#include <algorithm>
#include <cstring>

#include "common/base/status.h"
#include "common/object/object.h"

namespace nightsafe {
namespace {

// Ids are hashes: eight bytes of one are as good as any other eight. Among 2^32
// objects one that is missing passes for present once in 2^32 sweeps.
uint64_t Short(uint32_t domain_number, const ObjectId& id) {
  uint64_t word = 0;
  std::memcpy(&word, id.bytes.data(), sizeof word);
  return word ^ (uint64_t{domain_number} * 0x9e3779b97f4a7c15u);
}

}  // namespace

absl::Status NodeWalk::Load() {
  NS_RETURN_IF_ERROR(packs_.ForEach([&](const StandingCopy& copy) {
    if (copy.kind == ObjectKind::kNode) {
      nodes_[{copy.domain_number, copy.id}].push_back(copy);
    } else if (copy.kind == ObjectKind::kData) {
      data_.push_back(Short(copy.domain_number, copy.id));
    }
  }));
  std::sort(data_.begin(), data_.end());
  return absl::OkStatus();
}

absl::Status NodeWalk::Walk(uint32_t domain_number, const ObjectId& root,
                            const Take& take) {
  std::vector<ObjectId> todo = {root};
  while (!todo.empty()) {
    const ObjectId id = todo.back();
    todo.pop_back();
    if (reached_.contains({domain_number, id})) continue;
    NS_ASSIGN_OR_RETURN(const Found found, Visit(domain_number, id, todo));
    // Data is looked up again wherever it is reached: it costs no memory.
    if (found != Found::kData) reached_.insert({domain_number, id});
    take(id, found);
  }
  return absl::OkStatus();
}

absl::StatusOr<NodeWalk::Found> NodeWalk::Visit(uint32_t domain_number,
                                                const ObjectId& id,
                                                std::vector<ObjectId>& refs) {
  const auto node = nodes_.find({domain_number, id});
  if (node == nodes_.end()) {
    return std::binary_search(data_.begin(), data_.end(),
                              Short(domain_number, id))
               ? Found::kData
               : Found::kNot;
  }
  for (const StandingCopy& copy : node->second) {
    const auto bytes = packs_.Read(copy);
    if (absl::IsDataLoss(bytes.status())) continue;
    NS_RETURN_IF_ERROR(bytes.status());
    const auto view = ParseObject(AsBytes(*bytes));
    if (!view.ok()) continue;
    for (size_t i = 0; i < view->ref_count(); ++i) refs.push_back(view->ref(i));
    return Found::kNode;
  }
  return Found::kNot;
}

}  // namespace nightsafe
