#include "tests/crash/simulation/ledger.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/base/status.h"
#include "common/crypto/random.h"
#include "common/order/order.h"

namespace nightsafe {
namespace {

// A tree of three levels is missed level by level.
constexpr int kMaxRounds = 5;

absl::Status Broken(absl::string_view what) {
  return absl::InternalError(std::string(what));
}

absl::Status VerifyRegistry(DataDirectory& data, const Ledger& ledger) {
  for (const std::string& vault : ledger.vaults) {
    if (!data.FindVault(vault).ok()) {
      return Broken(absl::StrCat("vault ", vault, " is gone"));
    }
  }
  for (const HostRegistration& host : ledger.hosts) {
    const auto found = data.registry().FindHost(host.vault, host.name);
    if (!found.ok() || found->domain_number != host.domain_number ||
        found->writer != host.writer) {
      return Broken(absl::StrCat("host ", host.name, " is gone or another"));
    }
  }
  return absl::OkStatus();
}

// By domain number, the bytes that each object must have.
using Expected =
    std::map<uint32_t, absl::flat_hash_map<ObjectId, const std::string*>>;

absl::Status VerifyObjects(Vault& vault, const Expected& expected) {
  for (const auto& [domain, objects] : expected) {
    std::vector<ObjectId> ids;
    for (const auto& [id, bytes] : objects) ids.push_back(id);
    std::sort(ids.begin(), ids.end());
    size_t fetched = 0;
    NS_RETURN_IF_ERROR(vault.Fetch(
        domain, ids, [&](const FetchedObject& object) -> absl::Status {
          ++fetched;
          if (!object.status.ok()) {
            return Broken(absl::StrCat("a listed snapshot needs ",
                                       object.id.Hex(), ": ",
                                       object.status.ToString()));
          }
          if (object.bytes == *objects.at(object.id)) return absl::OkStatus();
          return Broken(absl::StrCat("object ", object.id.Hex(),
                                     " came back with other bytes"));
        }));
    if (fetched != ids.size()) return Broken("a fetch left objects out");
  }
  return absl::OkStatus();
}

absl::Status VerifyVault(Vault& vault, const Ledger& ledger,
                         absl::flat_hash_set<SnapshotId>& listed) {
  if (vault.health().forged_records > 0) {
    return Broken(absl::StrCat("a record counts as forged: ",
                               vault.health().forged.front().reason));
  }
  Expected expected;
  uint64_t sequence = 0;
  for (const SnapshotInfo& info :
       vault.Snapshots({.life = SnapshotLife::kExpired})) {
    const auto it = ledger.attempted.find(info.id);
    if (it == ledger.attempted.end()) {
      return Broken("a snapshot is listed that nobody committed");
    }
    const Attempt& attempt = *it->second;
    if (info.host != attempt.host || info.set != attempt.set ||
        info.manifest != attempt.manifest || info.sequence <= sequence) {
      return Broken("a listed snapshot differs from what was committed");
    }
    if (ledger.expiring.empty() && info.sequence != sequence + 1) {
      return Broken("a snapshot is left out");
    }
    sequence = info.sequence;
    if (info.life != SnapshotLife::kLive &&
        !ledger.expiring.contains(info.id)) {
      return Broken("a snapshot expired that nobody let go");
    }
    if (info.life == SnapshotLife::kLive && ledger.expired.contains(info.id)) {
      return Broken("an answered order to expire was forgotten");
    }
    if (!listed.insert(info.id).second) {
      return Broken("a snapshot is listed twice");
    }
    auto& objects = expected[attempt.domain_number];
    for (const SharedObject& object : attempt.objects) {
      objects[object->ref.id] = &object->bytes;
    }
    objects[ManifestObjectId(info.id)] = &attempt.manifest;
  }
  return VerifyObjects(vault, expected);
}

absl::Status PutAll(DepositSession& session,
                    const std::vector<SharedObject>& objects, Ledger& ledger) {
  for (const SharedObject& object : objects) {
    NS_RETURN_IF_ERROR(session.Put(AsBytes(object->bytes)));
    ledger.put_bytes += object->bytes.size();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<SharedObject>> AskWanted(DepositSession& session,
                                                    const Attempt& attempt) {
  std::string ids;
  for (const SharedObject& object : attempt.objects) {
    AppendBytes(object->ref.id.bytes, ids);
  }
  NS_ASSIGN_OR_RETURN(std::string bitmap, session.Wanted(AsBytes(ids)));
  std::vector<SharedObject> wanted;
  for (size_t i = 0; i < attempt.objects.size(); ++i) {
    if ((static_cast<uint8_t>(bitmap[i / 8]) >> (i % 8)) & 1) {
      wanted.push_back(attempt.objects[i]);
    }
  }
  return wanted;
}

absl::Status Commit(DepositSession& session, Agent& agent,
                    const AttemptPtr& attempt, Ledger& ledger) {
  ledger.attempted[attempt->snapshot] = attempt;
  agent.Sent(attempt);
  for (int round = 0; round < kMaxRounds; ++round) {
    NS_ASSIGN_OR_RETURN(CommitOutcome outcome,
                        session.Commit(AsBytes(attempt->manifest)));
    if (const Committed* committed = std::get_if<Committed>(&outcome)) {
      if (committed->snapshot != attempt->snapshot) {
        return Broken("another snapshot was acknowledged");
      }
      ledger.acknowledged.push_back(attempt->snapshot);
      agent.Answered(attempt);
      return absl::OkStatus();
    }
    const Incomplete* incomplete = std::get_if<Incomplete>(&outcome);
    if (incomplete == nullptr) break;
    std::vector<SharedObject> missing;
    for (const SharedObject& object : attempt->objects) {
      if (std::count(incomplete->missing.begin(), incomplete->missing.end(),
                     object->ref.id) > 0) {
        missing.push_back(object);
      }
    }
    NS_RETURN_IF_ERROR(PutAll(session, missing, ledger));
  }
  return absl::AbortedError("the commit was not taken");
}

absl::Status Deposit(DataDirectory& data, Agent& agent,
                     const AttemptPtr& attempt, Ledger& ledger) {
  NS_ASSIGN_OR_RETURN(Vault * vault, data.FindVault(attempt->vault));
  NS_ASSIGN_OR_RETURN(
      std::unique_ptr<DepositSession> session,
      vault->OpenSession(agent.host(), attempt->set, attempt->session));
  NS_ASSIGN_OR_RETURN(auto wanted, AskWanted(*session, *attempt));
  NS_RETURN_IF_ERROR(PutAll(*session, wanted, ledger));
  return Commit(*session, agent, attempt, ledger);
}

namespace {

absl::Status Give(DataDirectory& data, const Reaper& reaper,
                  absl::string_view vault, v1::format::Order order) {
  order.set_server_id(std::string(data.registry().server_id().text()));
  order.set_vault(std::string(vault));
  order.set_nonce(std::string(RandomId<SessionId>().text()));
  order.set_issued_unix_ns(absl::ToUnixNanos(reaper.clock->Now()));
  NS_ASSIGN_OR_RETURN(Vault * found, data.FindVault(vault));
  return found->Obey(SignOrder(*reaper.admin, order));
}

}  // namespace

absl::Status GiveEmptyOrder(DataDirectory& data, const Reaper& reaper,
                            absl::string_view vault) {
  v1::format::Order order;
  order.mutable_undelete();
  return Give(data, reaper, vault, order);
}

absl::Status AllowExpiry(DataDirectory& data, const Reaper& reaper,
                         absl::string_view vault) {
  v1::format::Order order;
  v1::format::Policy& policy = *order.mutable_set_policy()->mutable_policy();
  policy.set_min_age_s(0);
  policy.set_trash_s(0);
  NS_RETURN_IF_ERROR(Give(data, reaper, vault, order));
  // What was in force before counts for that long; a clock that jumps is
  // doubted.
  for (int day = 0; day < 40; ++day) {
    reaper.clock->Set(reaper.clock->Now() + absl::Hours(24));
    NS_RETURN_IF_ERROR(GiveEmptyOrder(data, reaper, vault));
  }
  return absl::OkStatus();
}

absl::Status ExpireSome(DataDirectory& data, const Reaper& reaper,
                        absl::string_view vault, size_t first, Ledger& ledger) {
  v1::format::Order order;
  order.mutable_expire()->set_override_checks(true);
  order.mutable_expire()->set_reason("simulated");
  for (size_t i = first; i < ledger.acknowledged.size(); i += 2) {
    const SnapshotId& id = ledger.acknowledged[i];
    if (ledger.attempted.at(id)->vault != vault) continue;
    if (!ledger.expiring.insert(id).second) continue;
    order.mutable_expire()->add_snapshots(std::string(id.text()));
  }
  if (order.expire().snapshots().empty()) return absl::OkStatus();
  NS_RETURN_IF_ERROR(Give(data, reaper, vault, order));
  for (const std::string& id : order.expire().snapshots()) {
    ledger.expired.insert(SnapshotId::FromValidBytes(AsBytes(id)));
  }
  return absl::OkStatus();
}

absl::Status CollectAll(DataDirectory& data) {
  for (Vault* vault : data.Vaults()) {
    NS_RETURN_IF_ERROR(vault->PurgeDue().status());
    vault->ExpireSessions(absl::InfiniteFuture());
    NS_RETURN_IF_ERROR(
        vault->Collect({.override_share = true, .max_live_share = 0.9}, {})
            .status());
  }
  return absl::OkStatus();
}

absl::Status SweepAll(FileSystem& fs, DataDirectory& data) {
  for (Vault* vault : data.Vaults()) {
    const VaultPaths paths(
        absl::StrCat(kSimData, "/vaults/", vault->registration().name));
    const auto removed = vault->Read([](const VaultState& state) {
      std::vector<PackId> packs;
      for (const auto& [pack, pack_state] : state.packs()) {
        if (pack_state.removed) packs.push_back(pack);
      }
      return packs;
    });
    for (const PackId& pack : removed) {
      // It may be gone already.
      fs.Unlink(paths.SealedPack(pack)).IgnoreError();
      fs.Unlink(absl::StrCat(paths.sealed, "/", TocFileName(pack)))
          .IgnoreError();
    }
    if (removed.empty()) continue;
    NS_RETURN_IF_ERROR(fs.SyncDirectory(paths.sealed));
  }
  return absl::OkStatus();
}

absl::Status VerifyLedger(DataDirectory& data, const Ledger& ledger) {
  NS_RETURN_IF_ERROR(VerifyRegistry(data, ledger));
  absl::flat_hash_set<SnapshotId> listed;
  for (Vault* vault : data.Vaults()) {
    NS_RETURN_IF_ERROR(VerifyVault(*vault, ledger, listed));
  }
  for (const SnapshotId& snapshot : ledger.acknowledged) {
    if (!listed.contains(snapshot) && !ledger.expiring.contains(snapshot)) {
      return Broken(absl::StrCat("acknowledged snapshot ", snapshot.Hex(),
                                 " is not listed"));
    }
  }
  return absl::OkStatus();
}

}  // namespace nightsafe
