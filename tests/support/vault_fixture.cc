#include "tests/support/vault_fixture.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/crypto/blake3.h"
#include "tests/support/domain_fixture.h"

namespace nightsafe {
namespace {

constexpr size_t kDataPerNode = 4;

SealedObject SealNode(Sealer& sealer, std::vector<ObjectId> refs,
                      uint64_t seed) {
  std::sort(refs.begin(), refs.end());
  const std::string plain = PseudoRandomBytes(100, seed);
  auto node = sealer.Seal(ObjectKind::kNode, refs, AsBytes(plain));
  NS_CHECK(node.ok());
  return *std::move(node);
}

Keyring NewKeyring() {
  InitCrypto();
  return Keyring::Create();
}

}  // namespace

TestHost::TestHost(HostRegistration registration, DepositKey key,
                   absl::string_view set)
    : registration_(std::move(registration)),
      key_(std::move(key)),
      set_(set),
      domain_keys_(std::make_unique<DomainKeys>(key_.domain_secret)) {}

TestTree TestHost::MakeTree(size_t data, size_t bytes, uint64_t seed) const {
  Sealer sealer(*domain_keys_);
  TestTree tree;
  std::vector<ObjectId> nodes;
  std::vector<ObjectId> leaves;
  for (size_t i = 0; i < data; ++i) {
    const std::string plain = PseudoRandomBytes(bytes, seed * 1000 + i);
    auto object = sealer.Seal(ObjectKind::kData, {}, AsBytes(plain));
    NS_CHECK(object.ok());
    leaves.push_back(object->ref.id);
    tree.objects.push_back(*std::move(object));
    if (leaves.size() == kDataPerNode || i + 1 == data) {
      tree.objects.push_back(SealNode(sealer, leaves, i));
      nodes.push_back(tree.objects.back().ref.id);
      leaves.clear();
    }
  }
  tree.objects.push_back(SealNode(sealer, nodes, seed));
  tree.root = tree.objects.back().ref;
  return tree;
}

v1::format::ManifestClear TestHost::NextClear(const SessionId& session) const {
  v1::format::ManifestClear clear;
  clear.set_set(set_);
  clear.set_chain_counter(counter_ + 1);
  if (counter_ > 0) clear.set_previous_manifest(std::string(head_.text()));
  clear.set_method(v1::format::FILES);
  clear.set_consistency(v1::format::CRASH);
  clear.set_started_unix_ns(1);
  clear.set_finished_unix_ns(2);
  clear.set_session(std::string(session.text()));
  return clear;
}

std::string TestHost::MakeManifest(const ObjectRef& root,
                                   const SessionId& session,
                                   absl::string_view keyed_name,
                                   absl::string_view content) const {
  v1::format::ManifestClear clear = NextClear(session);
  if (!keyed_name.empty()) {
    const Hash32 hash = HashOf(AsBytes(content));
    clear.set_keyed_name(std::string(keyed_name));
    clear.set_content_id(std::string(AsText(hash)));
  }
  v1::format::ManifestSealed sealed;
  sealed.set_agent_version("test");
  auto manifest = SealManifest(key_, clear, sealed, root);
  NS_CHECK(manifest.ok());
  return *std::move(manifest);
}

void TestHost::Advance(const SnapshotId& head) {
  head_ = head;
  ++counter_;
}

TestVault::TestVault(absl::string_view name)
    : keyring_(NewKeyring()),
      registration_{.name = std::string(name),
                    .id = keyring_.vault_id(),
                    .verify_key = keyring_.verify_key(),
                    .opening_key_id = KeyIdOf(keyring_.opening_public_key())} {}

TestHost TestVault::MakeHost(absl::string_view name, uint32_t number,
                             absl::string_view set) const {
  HostRegistration registration{.vault = registration_.name,
                                .name = std::string(name),
                                .writer = number,
                                .host_epoch = 1,
                                .domain = std::string(name),
                                .domain_epoch = 1,
                                .domain_number = number,
                                .enrolled = true};
  return TestHost(std::move(registration),
                  MintDepositKey(keyring_.DeriveEnrolKey(), name, 1, name, 1),
                  set);
}

}  // namespace nightsafe
