#include "server/sweep/sweeper.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"
#include "server/journal/journal_reader.h"
#include "server/pack/format.h"
#include "server/sweep/proof.h"
#include "server/vault/retention_words.h"

namespace nightsafe {

using v1::format::MovedPack;
using v1::format::SweepState;
using v1::format::SweptVault;

namespace {

constexpr uint64_t kMaxStateBytes = 64 << 20;

std::string StatePath(const SweepConfig& config) {
  return absl::StrCat(config.state, "/sweep.state");
}

absl::StatusOr<SweepState> LoadState(FileSystem& fs,
                                     const SweepConfig& config) {
  SweepState state;
  const auto bytes = ReadWholeFile(fs, StatePath(config), kMaxStateBytes);
  if (absl::IsNotFound(bytes.status())) return state;
  NS_RETURN_IF_ERROR(bytes.status());
  if (state.ParseFromString(*bytes)) return state;
  return absl::DataLossError(absl::StrCat(
      StatePath(config),
      " is damaged: look at the journals with "
      "`nightsafe-admin audit`, then remove it; the delay begins anew"));
}

// Nothing was promised of it, and nobody writes to it any more.
bool IsEmptyDead(const PackState& pack) {
  return pack.dead && !pack.sealed && pack.synced_length == 0;
}

class VaultSweep {
 public:
  VaultSweep(FileSystem& fs, const VaultPaths& paths, const VaultView& vault,
             const SweepConfig& config, absl::Time now, bool act,
             SweptVault& memory, SweepReport& report)
      : fs_(fs),
        paths_(paths),
        vault_(vault),
        config_(config),
        now_(now),
        act_(act),
        name_(memory.name()),
        report_(report) {
    for (const MovedPack& moved : memory.moved()) {
      const auto pack = PackId::FromBytes(AsBytes(moved.pack()));
      if (pack.ok()) moved_[*pack] = moved.moved_unix_ns();
    }
  }

  absl::Status Run() {
    NS_ASSIGN_OR_RETURN(DoomedPacks doomed, FindDoomed());
    if (doomed.empty()) return absl::OkStatus();
    NS_ASSIGN_OR_RETURN(auto verdicts,
                        ProveUseless(fs_, paths_, vault_, doomed));
    for (const auto& [pack, path] : doomed) {
      absl::Status status = verdicts[pack];
      if (status.ok()) status = TakeAway(pack, path);
      if (status.ok()) continue;
      report_.refused.push_back(absl::StrCat("vault ", name_, ", pack ",
                                             PackFileName(pack), ": ",
                                             status.message()));
    }
    return absl::OkStatus();
  }

  void Remember(SweptVault& memory) const {
    memory.clear_moved();
    for (const auto& [pack, when] : moved_) {
      MovedPack& moved = *memory.add_moved();
      moved.set_pack(std::string(pack.text()));
      moved.set_moved_unix_ns(when);
    }
  }

 private:
  absl::StatusOr<DoomedPacks> FindDoomed() {
    DoomedPacks doomed;
    for (const std::string& directory :
         {paths_.sealed, paths_.open, paths_.removed}) {
      NS_ASSIGN_OR_RETURN(auto names, fs_.List(directory));
      if (directory == paths_.removed) ForgetOthers(names);
      for (const std::string& name : names) {
        const auto pack = ParsePackFileName(name);
        if (!pack.has_value()) continue;
        const PackState* state = FindPack(vault_.state.packs(), *pack);
        const bool goes =
            state != nullptr &&
            (directory == paths_.open ? IsEmptyDead(*state)
                                      : state->removed || IsEmptyDead(*state));
        const std::string path = absl::StrCat(directory, "/", name);
        if (goes) {
          doomed[*pack] = path;
        } else if (directory == paths_.removed) {
          report_.refused.push_back(absl::StrCat(
              path, ": the journal does not call it removed; it stays there"));
        }
      }
    }
    return doomed;
  }

  // The delay of one that was put back begins anew when it goes again.
  void ForgetOthers(const std::vector<std::string>& names) {
    std::erase_if(moved_, [&](const auto& moved) {
      return !std::binary_search(names.begin(), names.end(),
                                 PackFileName(moved.first));
    });
  }

  absl::Status TakeAway(const PackId& pack, const std::string& path) {
    NS_ASSIGN_OR_RETURN(const FileInfo info, fs_.Stat(path));
    if (DirectoryOf(path) != paths_.removed) {
      Say("move ", path, info);
      ++report_.moved;
      if (!act_) return absl::OkStatus();
      NS_RETURN_IF_ERROR(Move(pack, path));
      moved_[pack] = absl::ToUnixNanos(now_);
      return absl::OkStatus();
    }
    // One that another run moved and did not come to remember.
    const auto [moved, added] =
        moved_.try_emplace(pack, absl::ToUnixNanos(now_));
    const absl::Time due = absl::FromUnixNanos(moved->second) + config_.delay;
    if (now_ < due) {
      ++report_.waiting;
      return act_ ? MoveToc(pack) : absl::OkStatus();
    }
    Say("unlink ", path, info);
    ++report_.unlinked;
    report_.freed_bytes += info.size_bytes;
    return act_ ? Unlink(pack, path) : absl::OkStatus();
  }

  void Say(absl::string_view what, const std::string& path,
           const FileInfo& info) {
    report_.done.push_back(
        absl::StrCat(what, path, " (", info.size_bytes, " bytes)"));
  }

  // The pack's own name goes first: who finds it moved, moves the table of
  // contents after it.
  absl::Status Move(const PackId& pack, const std::string& path) {
    NS_RETURN_IF_ERROR(fs_.Rename(
        path, absl::StrCat(paths_.removed, "/", PackFileName(pack))));
    NS_RETURN_IF_ERROR(fs_.SyncDirectory(paths_.removed));
    NS_RETURN_IF_ERROR(fs_.SyncDirectory(DirectoryOf(path)));
    return MoveToc(pack);
  }

  absl::Status MoveToc(const PackId& pack) {
    const std::string toc = absl::StrCat(paths_.sealed, "/", TocFileName(pack));
    if (absl::IsNotFound(fs_.Stat(toc).status())) return absl::OkStatus();
    NS_RETURN_IF_ERROR(
        fs_.Rename(toc, absl::StrCat(paths_.removed, "/", TocFileName(pack))));
    NS_RETURN_IF_ERROR(fs_.SyncDirectory(paths_.removed));
    return fs_.SyncDirectory(paths_.sealed);
  }

  absl::Status Unlink(const PackId& pack, const std::string& path) {
    NS_RETURN_IF_ERROR(MoveToc(pack));
    const absl::Status toc =
        fs_.Unlink(absl::StrCat(paths_.removed, "/", TocFileName(pack)));
    if (!absl::IsNotFound(toc)) NS_RETURN_IF_ERROR(toc);
    NS_RETURN_IF_ERROR(fs_.Unlink(path));
    moved_.erase(pack);
    return fs_.SyncDirectory(paths_.removed);
  }

  FileSystem& fs_;
  const VaultPaths& paths_;
  const VaultView& vault_;
  const SweepConfig& config_;
  const absl::Time now_;
  const bool act_;
  const std::string name_;
  SweepReport& report_;
  std::map<PackId, int64_t> moved_;
};

SweptVault& MemoryOf(SweepState& state, const std::string& name) {
  for (SweptVault& vault : *state.mutable_vaults()) {
    if (vault.name() == name) return vault;
  }
  SweptVault& added = *state.add_vaults();
  added.set_name(name);
  return added;
}

// The names under which there are journals, by whose they say to be.
using Claims = std::map<JournalOwner, std::vector<std::string>>;

std::string VaultPath(const SweepConfig& config, const std::string& name) {
  return absl::StrCat(config.data, "/vaults/", name);
}

Claims ListClaims(FileSystem& data, const SweepConfig& config,
                  const std::vector<std::string>& names) {
  Claims claims;
  for (const std::string& name : names) {
    const VaultPaths paths(VaultPath(config, name));
    const auto identity = PeekJournalIdentity(data, paths.journal);
    if (identity.ok()) claims[identity->owner].push_back(name);
  }
  return claims;
}

// Whose packs they are says a vault's id, and each has one name: who can make
// directories and journals cannot make a second owner.
absl::Status CheckName(const SweepState& state, const Claims& claims,
                       const SweptVault& memory, const VaultId& id) {
  const auto two = [&id](absl::string_view a, absl::string_view b) {
    return absl::PermissionDeniedError(
        absl::StrCat("its journal is of vault ", id.Hex(),
                     ", and so is that of ", b, ": one of ", a, " and ", b,
                     " was not made by the server; look for an intruder"));
  };
  for (const SweptVault& other : state.vaults()) {
    if (other.vault_id() == id.text() && other.name() != memory.name()) {
      return two(memory.name(), other.name());
    }
  }
  if (memory.vault_id() == id.text()) return absl::OkStatus();
  if (!memory.vault_id().empty()) {
    return absl::PermissionDeniedError(absl::StrCat(
        "its journal is of vault ", id.Hex(), ", and was of vault ",
        HexEncode(AsBytes(memory.vault_id())), " when it was last looked at"));
  }
  const auto claimed = claims.find(JournalOwnerOf(id));
  if (claimed == claims.end()) return absl::OkStatus();
  for (const std::string& other : claimed->second) {
    if (other != memory.name()) return two(memory.name(), other);
  }
  return absl::OkStatus();
}

// What the data directory says of itself, none of it believed.
struct Surroundings {
  std::vector<std::string> names;
  Claims claims;
  VaultVerifyKeys keys;
};

absl::Status SweepVault(const SweepConfig& config, const Surroundings& around,
                        absl::Time now, bool act, const SweepState& state,
                        SweptVault& memory, SweepReport& report) {
  // One for each vault: its directories are those of the proof until the end.
  NS_ASSIGN_OR_RETURN(const auto data, NewConfinedFileSystem(config.data));
  const VaultPaths paths(VaultPath(config, memory.name()));
  NS_ASSIGN_OR_RETURN(
      VaultView vault,
      ViewVault(*data, paths, memory.name(), config, around.keys, memory, now));
  NS_RETURN_IF_ERROR(CheckName(state, around.claims, memory, vault.id));
  memory.set_vault_id(std::string(vault.id.text()));
  VaultSweep sweep(*data, paths, vault, config, now, act, memory, report);
  const absl::Status status = sweep.Run();
  sweep.Remember(memory);
  memory.set_records(vault.state.records());
  memory.set_chain(std::string(AsText(vault.chain)));
  memory.set_seen_unix_ns(absl::ToUnixNanos(now));
  return status;
}

absl::StatusOr<std::vector<std::string>> ListVaults(FileSystem& data,
                                                    const SweepConfig& config) {
  NS_ASSIGN_OR_RETURN(auto names,
                      data.List(absl::StrCat(config.data, "/vaults")));
  std::erase_if(names, [](const std::string& name) {
    return !ValidateName("vault", name).ok();
  });
  return names;
}

absl::StatusOr<Surroundings> LookAround(const SweepConfig& config,
                                        const Clock& clock) {
  NS_ASSIGN_OR_RETURN(const auto data, NewConfinedFileSystem(config.data));
  Surroundings around;
  NS_ASSIGN_OR_RETURN(around.names, ListVaults(*data, config));
  around.claims = ListClaims(*data, config, around.names);
  NS_ASSIGN_OR_RETURN(around.keys, ReadVaultVerifyKeys(*data, config, clock));
  return around;
}

}  // namespace

absl::StatusOr<SweepReport> Sweep(FileSystem& fs, const SweepConfig& config,
                                  const Clock& clock, bool act) {
  std::unique_ptr<FileLock> lock;
  if (act) {
    NS_ASSIGN_OR_RETURN(lock, fs.Lock(absl::StrCat(config.state, "/lock")));
  }
  NS_ASSIGN_OR_RETURN(SweepState state, LoadState(fs, config));
  NS_ASSIGN_OR_RETURN(const Surroundings around, LookAround(config, clock));
  SweepReport report;
  for (const std::string& name : around.names) {
    const absl::Status status = SweepVault(
        config, around, clock.Now(), act, state, MemoryOf(state, name), report);
    if (status.ok()) continue;
    report.refused.push_back(
        absl::StrCat("vault ", name, ": ", status.message()));
  }
  if (!act) return report;
  NS_RETURN_IF_ERROR(WriteFileDurably(
      fs, StatePath(config), AsBytes(state.SerializeAsString()), 0600));
  return report;
}

}  // namespace nightsafe
