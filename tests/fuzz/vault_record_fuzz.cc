// The input is a list of records of a vault's journal, as they are stored or
// with a manifest that parses, replayed: what is accepted is accepted again
// after it was written anew, and gives the same state.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/check.h"
#include "common/base/cursor.h"
#include "common/object/object.h"
#include "google/protobuf/stubs/logging.h"
#include "server/vault/vault_state.h"
#include "tests/fuzz/fuzz_input.h"

namespace nightsafe {
namespace {

using v1::format::VaultRecord;

// A commit whose parts have the right lengths; their content is the input's.
VaultRecord CommitOf(FuzzInput& input, const VaultState& state) {
  VaultRecord record;
  record.set_time_unix_ns(static_cast<int64_t>(input.Number(8)));
  VaultRecord::Commit& commit = *record.mutable_commit();
  commit.set_sequence(state.snapshots().size() + 1 + input.Number() % 2);
  commit.set_received_unix_ns(static_cast<int64_t>(input.Number(8)));
  commit.set_host(std::string(1, static_cast<char>('a' + input.Below(3))));
  commit.set_set(std::string(1, static_cast<char>('a' + input.Below(3))));
  commit.set_session(std::string(input.Fixed<SessionId>().text()));
  for (size_t packs = input.Below(3); packs > 0; --packs) {
    VaultRecord::PackLength& pack = *commit.add_packs();
    pack.set_pack(std::string(16, static_cast<char>(input.Below(4))));
    pack.set_length(input.Number(4));
  }
  v1::format::ManifestClear clear;
  clear.set_host(commit.host());
  clear.set_set(input.Below(8) > 0 ? commit.set() : "d");
  clear.set_session(commit.session());
  clear.set_chain_counter(input.Number());
  if (input.Flag()) clear.set_keyed_name(input.Text());
  if (input.Flag()) clear.set_restarted(true);
  if (!state.snapshots().empty() && input.Flag()) {
    clear.set_previous_manifest(
        std::string(state.snapshots().back().id.text()));
  }
  std::string manifest =
      EncodeObjectHeader(ObjectKind::kManifest, {ObjectId{}});
  PutLengthPrefixed(AsBytes(clear.SerializeAsString()), manifest);
  PutLengthPrefixed({}, manifest);
  manifest.append(64, 's');
  commit.set_manifest(manifest);
  return record;
}

void CheckSame(const VaultState& a, const VaultState& b) {
  NS_CHECK(a.snapshots().size() == b.snapshots().size());
  for (size_t i = 0; i < a.snapshots().size(); ++i) {
    const SnapshotInfo& x = a.snapshots()[i];
    const SnapshotInfo& y = b.snapshots()[i];
    NS_CHECK(x.sequence == i + 1 && x.id == y.id && x.host == y.host);
    NS_CHECK(x.set == y.set && x.received == y.received);
    NS_CHECK(x.forked == y.forked && x.restarted == y.restarted);
    NS_CHECK(a.IsKeyed(x.host, x.set) == b.IsKeyed(y.host, y.set));
    NS_CHECK(!(x.forked && x.restarted));
  }
  NS_CHECK(a.packs().size() == b.packs().size());
  for (const auto& [id, pack] : a.packs()) {
    const PackState* other = FindPack(b.packs(), id);
    NS_CHECK(other != nullptr && other->sealed == pack.sealed);
    NS_CHECK(other->synced_length == pack.synced_length);
    NS_CHECK(other->dead == pack.dead && other->lost == pack.lost);
  }
  NS_CHECK(a.generation() == b.generation());
  NS_CHECK(a.records() == b.records());
  NS_CHECK(a.last_time_ns() == b.last_time_ns());
  NS_CHECK(a.has_quarantine() == b.has_quarantine());
  NS_CHECK(a.sealed_keyring() == b.sealed_keyring());
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  google::protobuf::SetLogHandler(nullptr);
  FuzzInput input(data, size);
  VaultState state;
  VaultState again;
  while (!input.done()) {
    VaultRecord record;
    if (input.Flag()) {
      record = CommitOf(input, state);
    } else if (!record.ParseFromString(input.Text(2))) {
      continue;
    }
    const uint64_t forged = state.retention().forged_records();
    const absl::Status applied = state.Apply(record);
    VaultRecord copy;
    NS_CHECK(copy.ParseFromString(record.SerializeAsString()));
    NS_CHECK(again.Apply(copy) == applied);
    // Whoever replays a journal stops at the first record that makes no sense.
    if (!applied.ok()) break;
    if (record.has_commit() && state.retention().forged_records() == forged) {
      const auto session =
          SessionId::FromBytes(AsBytes(record.commit().session()));
      NS_CHECK(session.ok());
      const SnapshotInfo* found =
          state.FindSession(record.commit().host(), *session);
      NS_CHECK(found == &state.snapshots().back());
    }
  }
  CheckSame(state, again);
  return 0;
}
