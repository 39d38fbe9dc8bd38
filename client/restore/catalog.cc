#include "client/restore/catalog.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

constexpr size_t kShortIdDigits = 12;

using ChainName = std::tuple<std::string, std::string, uint32_t>;

ChainName ChainOf(const Snapshot& snapshot) {
  const v1::format::ManifestClear& clear = snapshot.manifest.clear;
  return {clear.host(), clear.set(), clear.certificate().host_epoch()};
}

void Open(const ReadKey* key, Snapshot& snapshot) {
  if (key == nullptr) {
    snapshot.genuine = absl::UnauthenticatedError("not checked: no read key");
    return;
  }
  absl::StatusOr<OpenedManifest> opened = OpenManifest(snapshot.manifest, *key);
  snapshot.genuine = opened.status();
  if (opened.ok()) {
    snapshot.opened = *std::move(opened);
  } else {
    snapshot.warnings.push_back(
        absl::StrCat("not genuine: ", opened.status().message()));
  }
}

// Follows one chain in order of receipt. Manifests are never deleted, so
// whatever does not link up is worth saying.
void CheckChain(const std::vector<Snapshot*>& chain) {
  std::map<std::string, const Snapshot*> by_id;
  std::set<std::string> continued;
  std::set<std::string> left;  // what came before the chain began anew
  for (Snapshot* snapshot : chain) {
    const v1::format::ManifestClear& clear = snapshot->manifest.clear;
    const std::string& previous = clear.previous_manifest();
    bool first_listed = by_id.empty();
    if (clear.restarted()) {
      for (const auto& [id, listed] : by_id) left.insert(id);
    }
    by_id.emplace(std::string(snapshot->manifest.id.text()), snapshot);
    if (clear.restarted() && !first_listed) {
      snapshot->warnings.push_back(
          "chain restarted: the agent had lost its state");
    }
    if (previous.empty()) {
      if (!first_listed && !clear.restarted()) {
        snapshot->warnings.push_back(
            "fork: a second chain begins; two machines may use this identity");
      }
      continue;
    }
    if (left.count(previous) > 0) {
      snapshot->warnings.push_back(
          "fork: it follows a snapshot from before the chain was restarted; "
          "two "
          "machines may use this identity");
    } else if (!continued.insert(previous).second) {
      snapshot->warnings.push_back(
          "fork: another snapshot follows the same one; two machines may use "
          "this identity");
    }
    auto before = by_id.find(previous);
    if (before == by_id.end() || before->second == snapshot) {
      snapshot->warnings.push_back(absl::StrCat(
          "gap: the server does not list the snapshot before it (number ",
          clear.chain_counter() - 1, " of the chain)"));
      continue;
    }
    uint64_t counter = before->second->manifest.clear.chain_counter();
    if (clear.chain_counter() != counter + 1) {
      snapshot->warnings.push_back(
          absl::StrCat("gap: number ", clear.chain_counter(),
                       " of the chain follows number ", counter));
    }
  }
}

std::string Describe(const Snapshot& snapshot) {
  const v1::format::ManifestClear& clear = snapshot.manifest.clear;
  return absl::StrCat(clear.host(), "/", clear.set(), "@",
                      ShortId(snapshot.manifest.id), " (",
                      absl::FormatTime("%Y-%m-%d %H:%M:%S", snapshot.received,
                                       absl::LocalTimeZone()),
                      ")");
}

}  // namespace

std::string ShortId(const SnapshotId& id) {
  return id.Hex().substr(0, kShortIdDigits);
}

Catalog Catalog::Create(std::vector<RemoteSnapshot> listed,
                        const ReadKey* key) {
  Catalog catalog;
  for (RemoteSnapshot& record : listed) {
    absl::StatusOr<Manifest> manifest = ParseManifest(AsBytes(record.manifest));
    if (!manifest.ok()) {
      ++catalog.malformed_;
      continue;
    }
    Snapshot& snapshot = catalog.snapshots_.emplace_back();
    snapshot.manifest = *std::move(manifest);
    snapshot.sequence = record.sequence;
    snapshot.received = record.received;
    snapshot.domain_number = record.domain_number;
    snapshot.new_bytes = record.new_bytes;
    snapshot.life = record.life;
    snapshot.expired_at = record.expired_at;
    Open(key, snapshot);
  }
  std::sort(catalog.snapshots_.begin(), catalog.snapshots_.end(),
            [](const Snapshot& a, const Snapshot& b) {
              return a.sequence < b.sequence;
            });
  std::map<ChainName, std::vector<Snapshot*>> chains;
  for (Snapshot& snapshot : catalog.snapshots_) {
    // A forged manifest must not make a sound chain look forked.
    if (key != nullptr && !snapshot.genuine.ok()) continue;
    chains[ChainOf(snapshot)].push_back(&snapshot);
  }
  for (const auto& [name, chain] : chains) CheckChain(chain);
  return catalog;
}

absl::StatusOr<std::string> Catalog::ResolveSet(
    const SnapshotName& name) const {
  std::set<std::string> hosts;
  std::set<std::string> sets;
  for (const Snapshot& snapshot : snapshots_) {
    if (snapshot.life != SnapshotLife::kLive) continue;
    const v1::format::ManifestClear& clear = snapshot.manifest.clear;
    hosts.insert(clear.host());
    if (clear.host() == name.host) sets.insert(clear.set());
  }
  if (sets.empty()) {
    return absl::NotFoundError(
        hosts.empty() ? "the vault has no snapshots"
                      : absl::StrCat("there is no snapshot of host ", name.host,
                                     "; hosts: ", absl::StrJoin(hosts, ", ")));
  }
  if (!name.set.empty()) {
    if (sets.count(name.set) > 0) return name.set;
    return absl::NotFoundError(
        absl::StrCat("host ", name.host, " has no set ", name.set,
                     "; sets: ", absl::StrJoin(sets, ", ")));
  }
  if (sets.size() == 1) return *sets.begin();
  return absl::InvalidArgumentError(absl::StrCat(
      "host ", name.host, " has ", sets.size(), " sets; name one of them: ",
      absl::StrJoin(sets, ", ", [&](std::string* out, const std::string& set) {
        absl::StrAppend(out, name.host, "/", set);
      })));
}

absl::StatusOr<const Snapshot*> Catalog::ResolveId(
    const SnapshotName& name) const {
  std::vector<const Snapshot*> found;
  for (const Snapshot& snapshot : snapshots_) {
    const v1::format::ManifestClear& clear = snapshot.manifest.clear;
    if (clear.host() == name.host &&
        (name.set.empty() || clear.set() == name.set) &&
        absl::StartsWith(snapshot.manifest.id.Hex(), name.id_prefix)) {
      found.push_back(&snapshot);
    }
  }
  if (found.empty()) {
    return absl::NotFoundError(
        absl::StrCat("no snapshot of ", name.host,
                     name.set.empty() ? "" : absl::StrCat("/", name.set),
                     " has an id that begins with ", name.id_prefix));
  }
  if (found.size() > 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        found.size(), " snapshots have an id that begins with ", name.id_prefix,
        ": ",
        absl::StrJoin(found, ", ", [](std::string* out, const Snapshot* s) {
          absl::StrAppend(out, Describe(*s));
        })));
  }
  return found.front();
}

absl::StatusOr<const Snapshot*> Catalog::Resolve(
    const SnapshotName& name) const {
  if (name.choice == SnapshotName::Choice::kId) {
    NS_ASSIGN_OR_RETURN(const Snapshot* snapshot, ResolveId(name));
    NS_RETURN_IF_ERROR(Annotate(snapshot->genuine, Describe(*snapshot)));
    if (snapshot->life != SnapshotLife::kPurged) return snapshot;
    return absl::NotFoundError(
        absl::StrCat(Describe(*snapshot), " expired on ",
                     absl::FormatTime("%Y-%m-%d", snapshot->expired_at,
                                      absl::LocalTimeZone()),
                     " and was purged: it is gone for good"));
  }
  NS_ASSIGN_OR_RETURN(std::string set, ResolveSet(name));
  const Snapshot* best = nullptr;
  const Snapshot* earliest = nullptr;
  for (const Snapshot& snapshot : snapshots_) {
    const v1::format::ManifestClear& clear = snapshot.manifest.clear;
    if (clear.host() != name.host || clear.set() != set) continue;
    if (!snapshot.genuine.ok() || snapshot.life != SnapshotLife::kLive) {
      continue;
    }
    if (earliest == nullptr) earliest = &snapshot;
    if (name.choice == SnapshotName::Choice::kLatest ||
        snapshot.received < name.before) {
      best = &snapshot;
    }
  }
  if (best != nullptr) return best;
  if (earliest == nullptr) {
    return absl::DataLossError(absl::StrCat(
        "no snapshot of ", name.host, "/", set,
        " that the server lists is genuine; `nightsafe snapshots` has the "
        "reasons"));
  }
  return absl::NotFoundError(absl::StrCat(
      "no snapshot of ", name.host, "/", set,
      " had been received by then; the first is ", Describe(*earliest)));
}

}  // namespace nightsafe
