#include "server/vault/scrub.h"

#include <algorithm>
#include <limits>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "common/base/status.h"
#include "server/vault/pack_listing.h"

namespace nightsafe {
namespace {

constexpr size_t kReadBytes = 4 << 20;

// The locations of a pack, whatever their order: equal sums over equal numbers
// of locations are taken for equal sets.
struct LocationSum {
  uint64_t count = 0;
  uint64_t sum = 0;

  void Add(const IndexEntry& entry) {
    ++count;
    sum += absl::HashOf(entry.domain_number, entry.id, entry.location.offset,
                        entry.location.length);
  }
  friend bool operator==(const LocationSum&, const LocationSum&) = default;
};

class Scrub {
 public:
  Scrub(const ScrubbedVault& what, const ScrubCallback& progress)
      : what_(what), progress_(progress) {}

  absl::StatusOr<std::vector<ScrubProblem>> Run() {
    NS_ASSIGN_OR_RETURN(auto packs, ListPacks(what_.fs, what_.paths));
    const auto states = what_.journal.Read(
        [](const VaultState& state) { return state.packs(); });
    for (const auto& [pack, place] : packs) {
      const auto it = states.find(pack);
      if (it != states.end() && it->second.sealed) {
        finished_.push_back(pack);
        progress_now_.total_bytes += it->second.synced_length;
      }
    }
    for (const PackId& pack : finished_) {
      NS_RETURN_IF_ERROR(ScrubPack(pack, states.at(pack)));
    }
    NS_RETURN_IF_ERROR(CompareIndex());
    return std::move(problems_);
  }

 private:
  absl::Status ScrubPack(const PackId& pack, const PackState& state) {
    absl::StatusOr<PackContents> contents = LoadContents(
        what_.fs, what_.paths, what_.vault, pack, PackPlace::kSealed, &state);
    if (!contents.ok()) {
      problems_.push_back({.pack = PackFileName(pack),
                           .wrong = absl::IsDataLoss(contents.status()),
                           .detail = std::string(contents.status().message())});
      return absl::OkStatus();
    }
    NS_ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                        what_.fs.OpenForRead(what_.paths.SealedPack(pack)));
    file->DropCache();
    const std::vector<PackEntry>& entries = contents->entries;
    for (size_t begin = 0; begin < entries.size();) {
      size_t end = begin + 1;
      while (end < entries.size() &&
             entries[end].end() - entries[begin].offset <= kReadBytes) {
        ++end;
      }
      NS_RETURN_IF_ERROR(ScrubRun(
          *file, pack, std::span(entries).subspan(begin, end - begin)));
      begin = end;
    }
    return absl::OkStatus();
  }

  // Neighbouring objects, read at once.
  absl::Status ScrubRun(const File& file, const PackId& pack,
                        std::span<const PackEntry> run) {
    const uint64_t begin = run.front().offset;
    buffer_.resize(static_cast<size_t>(run.back().end() - begin));
    const absl::StatusOr<size_t> got =
        file.ReadAt(begin, AsMutableBytes(buffer_));
    const size_t valid = got.ok() ? *got : 0;
    std::vector<IndexEntry> indexed;
    for (const PackEntry& entry : run) {
      const size_t at = static_cast<size_t>(entry.offset - begin);
      const bool fine =
          at + entry.length <= valid &&
          ObjectIdOf(AsBytes(buffer_).subspan(at, entry.length)) == entry.id;
      const IndexEntry location{entry.domain_number,
                                entry.id,
                                {.pack = pack,
                                 .offset = entry.offset,
                                 .length = entry.length,
                                 .kind = entry.kind}};
      if (!fine) NS_RETURN_IF_ERROR(LookAgain(location));
      indexed.push_back(location);
      ++progress_now_.objects;
      progress_now_.bytes += entry.length;
    }
    NS_RETURN_IF_ERROR(AddToSums(indexed));
    return progress_ ? progress_(progress_now_) : absl::OkStatus();
  }

  // The second read decides: fine, unreadable now, or wrong.
  absl::Status LookAgain(const IndexEntry& entry) {
    const absl::Status status =
        what_.store.Read(entry.id, entry.location).status();
    if (status.ok()) return absl::OkStatus();
    return AddProblem(entry, absl::IsDataLoss(status), status.message());
  }

  absl::Status AddProblem(const IndexEntry& entry, bool wrong,
                          absl::string_view detail) {
    problems_.push_back({.domain_number = entry.domain_number,
                         .id = entry.id,
                         .pack = PackFileName(entry.location.pack),
                         .offset = entry.location.offset,
                         .wrong = wrong,
                         .detail = std::string(detail)});
    if (!wrong || !what_.journal.failure().ok()) return absl::OkStatus();
    return what_.store.Quarantine(entry, detail);
  }

  // Counts what the index says of these, and finds what it does not know.
  absl::Status AddToSums(const std::vector<IndexEntry>& entries) {
    absl::flat_hash_map<uint32_t, std::vector<const IndexEntry*>> domains;
    for (const IndexEntry& entry : entries) {
      domains[entry.domain_number].push_back(&entry);
    }
    for (const auto& [domain, members] : domains) {
      std::vector<ObjectId> ids;
      for (const IndexEntry* entry : members) ids.push_back(entry->id);
      NS_ASSIGN_OR_RETURN(auto found,
                          what_.index.Find(what_.vault, domain, ids));
      for (size_t i = 0; i < members.size(); ++i) {
        NS_RETURN_IF_ERROR(Compare(*members[i], found[i]));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Compare(const IndexEntry& stored,
                       const std::optional<ObjectLocation>& indexed) {
    if (!indexed) {
      const bool quarantined = what_.journal.Read([&](const VaultState& state) {
        return state.IsQuarantined(stored.domain_number, stored.id,
                                   stored.location.pack);
      });
      if (quarantined) return absl::OkStatus();
      problems_.push_back({.domain_number = stored.domain_number,
                           .id = stored.id,
                           .pack = PackFileName(stored.location.pack),
                           .offset = stored.location.offset,
                           .detail = "stored, but not in the object index: "
                                     "run `nightsafed rebuild`"});
      return absl::OkStatus();
    }
    if (indexed->pack == stored.location.pack &&
        indexed->offset == stored.location.offset) {
      sums_[stored.location.pack].Add(stored);
    }
    return absl::OkStatus();
  }

  // Every entry that points into a finished pack must have been met there.
  absl::Status CompareIndex() {
    absl::flat_hash_map<PackId, LocationSum> claimed;
    for (const PackId& pack : finished_) claimed[pack] = {};
    NS_RETURN_IF_ERROR(
        what_.index.ForEach(what_.vault, [&](const IndexEntry& entry) {
          const auto it = claimed.find(entry.location.pack);
          if (it != claimed.end()) it->second.Add(entry);
          return absl::OkStatus();
        }));
    absl::flat_hash_set<PackId> suspects;
    for (const auto& [pack, sum] : claimed) {
      if (sum != sums_[pack]) suspects.insert(pack);
    }
    if (suspects.empty()) return absl::OkStatus();
    std::vector<IndexEntry> entries;
    NS_RETURN_IF_ERROR(
        what_.index.ForEach(what_.vault, [&](const IndexEntry& entry) {
          if (suspects.contains(entry.location.pack)) entries.push_back(entry);
          return absl::OkStatus();
        }));
    for (const IndexEntry& entry : entries) {
      NS_RETURN_IF_ERROR(LookAgain(entry));
    }
    return absl::OkStatus();
  }

  const ScrubbedVault what_;
  const ScrubCallback& progress_;
  std::vector<PackId> finished_;
  ScrubProgress progress_now_;
  std::vector<ScrubProblem> problems_;
  absl::flat_hash_map<PackId, LocationSum> sums_;
  std::string buffer_;
};

}  // namespace

absl::StatusOr<std::vector<ScrubProblem>> ScrubVault(
    const ScrubbedVault& what, const ScrubCallback& progress) {
  return Scrub(what, progress).Run();
}

}  // namespace nightsafe
