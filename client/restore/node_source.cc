#include "client/restore/node_source.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "common/base/status.h"
#include "nightsafe/v1/format/node.pb.h"

namespace nightsafe {
namespace {

constexpr size_t kCacheBytes = 32 << 20;
constexpr size_t kReadAheadNodes = 64;
constexpr size_t kReadAheadBytes = 4 << 20;  // plain, one request

}  // namespace

NodeSource::NodeSource(const ObjectSource& objects, const ObjectRef& root,
                       const absl::Notification* stop)
    : objects_(objects), root_(root), stop_(stop), cache_(kCacheBytes) {}

std::optional<NodeSource::Relation> NodeSource::Find(
    const ObjectRef& ref) const {
  for (const auto& [level, family] : families_) {
    for (size_t i = 0; i < family.children.size(); ++i) {
      if (family.children[i].ref == ref) return Relation{&family, i};
    }
  }
  return std::nullopt;
}

LostNode NodeSource::Describe(const ObjectRef& ref) const {
  LostNode lost;
  std::optional<Relation> relation = Find(ref);
  if (!relation.has_value()) return lost;  // the root: nothing follows it
  const auto& [family, index] = *relation;
  const Child& child = family->children[index];
  lost.first = child.first;
  lost.entries = child.entries;
  lost.file_bytes = child.file_bytes;
  lost.next = index + 1 < family->children.size()
                  ? std::optional(family->children[index + 1].first)
                  : family->next;
  return lost;
}

// The cursor checks the node's form; here a malformed one only costs the
// read-ahead.
void NodeSource::RememberChildren(const ObjectRef& ref,
                                  const OpenedObject& node) {
  v1::format::Node message;
  if (!message.ParseFromString(node.plain) || !message.has_inner() ||
      message.level() == 0 || message.level() > kMaxTreeDepth) {
    return;
  }
  size_t count = node.refs.size();
  if (message.keys().size() != count * MessageKey::kSize ||
      static_cast<size_t>(message.plain_lengths_size()) != count) {
    return;
  }
  Family family;
  for (const v1::format::Child& child : message.inner().children()) {
    if (child.object() == 0 || child.object() > count) return;
    size_t i = child.object() - 1;
    Child& known = family.children.emplace_back();
    known.ref.id = node.refs[i];
    known.ref.key = MessageKey::FromValidBytes(
        AsBytes(message.keys()).subspan(i * MessageKey::kSize));
    known.ref.plain_length = message.plain_lengths(static_cast<int>(i));
    known.first = {child.first_path(), child.first_name()};
    known.entries = child.entries();
    known.file_bytes = child.file_bytes();
  }
  family.next = Describe(ref).next;
  families_.insert_or_assign(message.level(), std::move(family));
}

absl::Status NodeSource::FetchWithSiblings(const ObjectRef& ref) {
  std::vector<ObjectRef> wanted = {ref};
  if (std::optional<Relation> relation = Find(ref); relation.has_value()) {
    const std::vector<Child>& children = relation->family->children;
    uint64_t bytes = ref.plain_length;
    for (size_t i = relation->index + 1;
         i < children.size() && wanted.size() < kReadAheadNodes; ++i) {
      const ObjectRef& next = children[i].ref;
      bytes += next.plain_length;
      if (bytes > kReadAheadBytes) break;
      bool known = cache_.Get(next.id) != nullptr ||
                   std::any_of(wanted.begin(), wanted.end(),
                               [&](const ObjectRef& other) {
                                 return other.id == next.id;
                               });
      if (!known) wanted.push_back(next);
    }
  }
  NS_ASSIGN_OR_RETURN(auto opened,
                      objects_.Fetch(ObjectKind::kNode, wanted, stop_));
  // The one asked for last, so that it is not the one pushed out.
  for (size_t i = wanted.size(); i-- > 0;) {
    cache_.Put(wanted[i].id, std::move(opened[i]),
               wanted[i].plain_length + sizeof(ObjectRef));
  }
  fetched_nodes_ += wanted.size();
  return absl::OkStatus();
}

absl::StatusOr<FetchedNode> NodeSource::Fetch(const ObjectRef& ref) {
  bool in_tree = ref == root_ || Find(ref).has_value();
  if (in_tree) last_ = Describe(ref);
  absl::StatusOr<OpenedObject>* known = cache_.Get(ref.id);
  if (known == nullptr) {
    absl::Status status = FetchWithSiblings(ref);
    request_failed_ = !status.ok();
    NS_RETURN_IF_ERROR(status);
    known = cache_.Get(ref.id);
  }
  NS_RETURN_IF_ERROR(known->status());
  if (in_tree) RememberChildren(ref, **known);
  return FetchedNode{(*known)->refs, (*known)->plain};
}

std::optional<LostNode> NodeSource::TakeLost(
    const absl::Status& cursor_status) {
  if (request_failed_ || !last_.has_value()) return std::nullopt;
  LostNode lost = *std::exchange(last_, std::nullopt);
  lost.status = cursor_status;
  return lost;
}

}  // namespace nightsafe
