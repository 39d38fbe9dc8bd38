#include "tests/crash/simulation/agent.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/crypto/random.h"
#include "common/snapshot/manifest.h"
#include "tests/support/domain_fixture.h"

namespace nightsafe {
namespace {

constexpr size_t kRefsPerNode = 4;
constexpr uint32_t kLeaves = 60;
constexpr size_t kMaxLeaves = 14;

// Mostly small, some as long as a few blocks of a disk.
size_t LeafBytes(uint32_t number) {
  if (number % 13 == 0) return 3000 + number * 97 % 7000;
  return 20 + number * 37 % 900;
}

}  // namespace

Forest::Forest(const Secret32& domain_secret)
    : keys_(domain_secret), sealer_(keys_) {}

SharedObject Forest::Leaf(uint32_t number) {
  SharedObject& leaf = leaves_[number];
  if (leaf == nullptr) {
    const std::string plain = PseudoRandomBytes(LeafBytes(number), number);
    auto sealed = sealer_.Seal(ObjectKind::kData, {}, AsBytes(plain));
    NS_CHECK(sealed.ok());
    leaf = std::make_shared<SealedObject>(*std::move(sealed));
  }
  return leaf;
}

SharedObject Forest::Node(std::vector<ObjectId> refs) {
  std::sort(refs.begin(), refs.end());
  refs.erase(std::unique(refs.begin(), refs.end()), refs.end());
  SharedObject& node = nodes_[refs];
  if (node == nullptr) {
    const std::string plain(60, 'n');
    auto sealed = sealer_.Seal(ObjectKind::kNode, refs, AsBytes(plain));
    NS_CHECK(sealed.ok());
    node = std::make_shared<SealedObject>(*std::move(sealed));
  }
  return node;
}

Forest::Tree Forest::Make(const std::vector<uint32_t>& leaves) {
  Tree tree;
  std::vector<ObjectId> nodes;
  for (size_t begin = 0; begin < leaves.size(); begin += kRefsPerNode) {
    std::vector<ObjectId> refs;
    const size_t end = std::min(leaves.size(), begin + kRefsPerNode);
    for (size_t i = begin; i < end; ++i) {
      tree.objects.push_back(Leaf(leaves[i]));
      refs.push_back(tree.objects.back()->ref.id);
    }
    tree.objects.push_back(Node(refs));
    nodes.push_back(tree.objects.back()->ref.id);
  }
  tree.objects.push_back(Node(nodes));
  tree.root = tree.objects.back()->ref;
  return tree;
}

Agent::Agent(const HostRegistration& host, absl::string_view set,
             std::shared_ptr<Forest> forest,
             std::shared_ptr<const DepositKey> key)
    : host_(host),
      set_(set),
      forest_(std::move(forest)),
      key_(std::move(key)) {}

AttemptPtr Agent::Next(std::mt19937_64& random) {
  if (leaves_.empty() || random() % 8 == 0) {
    leaves_.resize(1 + random() % kMaxLeaves);
    for (uint32_t& leaf : leaves_)
      leaf = static_cast<uint32_t>(random() % kLeaves);
  }
  for (uint32_t& leaf : leaves_) {
    if (random() % 4 == 0) leaf = static_cast<uint32_t>(random() % kLeaves);
  }
  Forest::Tree tree = forest_->Make(leaves_);
  auto attempt = std::make_shared<Attempt>();
  attempt->vault = host_.vault;
  attempt->host = host_.name;
  attempt->set = set_;
  attempt->domain_number = host_.domain_number;
  attempt->session = RandomId<SessionId>();
  attempt->objects = std::move(tree.objects);
  v1::format::ManifestClear clear;
  clear.set_set(set_);
  clear.set_chain_counter(counter_ + 1);
  if (counter_ > 0) clear.set_previous_manifest(std::string(head_.text()));
  clear.set_method(v1::format::FILES);
  clear.set_consistency(v1::format::CRASH);
  clear.set_started_unix_ns(1);
  clear.set_finished_unix_ns(2);
  clear.set_session(std::string(attempt->session.text()));
  v1::format::ManifestSealed sealed;
  sealed.set_agent_version("simulated");
  auto manifest = SealManifest(*key_, clear, sealed, tree.root);
  NS_CHECK(manifest.ok());
  attempt->manifest = *std::move(manifest);
  attempt->snapshot = ParseManifest(AsBytes(attempt->manifest))->id;
  return attempt;
}

void Agent::Answered(const AttemptPtr& attempt) {
  pending_ = nullptr;
  head_ = attempt->snapshot;
  ++counter_;
}

}  // namespace nightsafe
