#include "server/vault/scrub.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "common/base/status.h"
#include "server/pack/pack_reader.h"
#include "server/pack/seal.h"
#include "server/vault/index_comparison.h"
#include "server/vault/manifest_copies.h"
#include "server/vault/named_pack.h"
#include "server/vault/open_findings.h"
#include "server/vault/pack_listing.h"
#include "server/vault/vault_indexing.h"

namespace nightsafe {
namespace {

constexpr size_t kReadBytes = 4 << 20;

using PacksByOrder = std::map<uint64_t, std::pair<PackId, PackState>>;

// One scrub of one vault; lives for one call.
class Scrub {
 public:
  Scrub(const ScrubbedVault& what, const ScrubCursor& cursor,
        const ScrubCallback& progress)
      : what_(what),
        progress_(progress),
        cursor_(cursor),
        settled_(cursor),
        comparison_(what.index, what.vault) {}

  absl::StatusOr<ScrubResult> Run() {
    Begin();
    NS_RETURN_IF_ERROR(ScrubUnfinishedPacks());
    for (const auto& [order, pack] : packs_) {
      const bool done = order <= cursor_.done_order();
      NS_RETURN_IF_ERROR(ScrubSealedPack(pack.first, pack.second, done));
      if (done) {
        NS_RETURN_IF_ERROR(Breathe());
        continue;
      }
      cursor_.set_done_order(order);
      cursor_.set_offset(0);
      cursor_.set_packs(cursor_.packs() + 1);
    }
    NS_RETURN_IF_ERROR(CompareIndex());
    if (what_.journal.failure().ok()) {
      NS_RETURN_IF_ERROR(StoreAbsentManifests(what_.journal, what_.store));
      NS_RETURN_IF_ERROR(what_.store.CloseHealed());
      for (ScrubProblem& problem : OpenFindings(what_.journal, problems_)) {
        Keep(std::move(problem));
      }
    }
    return ScrubResult{.problems = std::move(problems_),
                       .more_problems = more_problems_,
                       .figures = cursor_};
  }

 private:
  // What belongs to this scrub.
  void Begin() {
    what_.journal.Read([&](const VaultState& state) {
      for (const auto& [pack, pack_state] : state.packs()) {
        // Of a lost pack nothing may be left.
        const bool gone = pack_state.removed || pack_state.synced_length == 0;
        if (!pack_state.sealed || gone) continue;
        packs_[pack_state.seal_order] = {pack, pack_state};
      }
    });
    if (cursor_.end_order() == 0 && !packs_.empty()) {
      cursor_.set_end_order(packs_.rbegin()->first);
    }
    packs_.erase(packs_.upper_bound(cursor_.end_order()), packs_.end());
    for (const auto& [order, pack] : packs_) {
      total_bytes_ += pack.second.synced_length;
    }
  }

  absl::Status ScrubUnfinishedPacks() {
    if (cursor_.unfinished_packs_done()) return absl::OkStatus();
    const std::vector<Toc> unfinished = what_.store.UnsealedContents();
    for (const Toc& toc : unfinished) total_bytes_ += toc.pack_length;
    for (const Toc& toc : unfinished) {
      NS_RETURN_IF_ERROR(
          ScrubPack(toc.pack, toc.entries, toc.pack_length, false));
      cursor_.set_packs(cursor_.packs() + 1);
    }
    cursor_.set_unfinished_packs_done(true);
    return absl::OkStatus();
  }

  // `done`: its objects were read before an interruption.
  absl::Status ScrubSealedPack(const PackId& pack, const PackState& state,
                               bool done) {
    absl::StatusOr<SealedPack> sealed =
        ReadToc(what_.fs, what_.paths.sealed, what_.vault, pack);
    std::vector<PackEntry> entries;
    if (sealed.ok() && !state.lost && sealed->toc_hash == state.toc_hash) {
      entries = std::move(sealed->toc.entries);
    } else {
      NoteTable(pack, state, sealed.status());
      absl::StatusOr<PackContents> contents = LoadContents(
          what_.fs, what_.paths, what_.vault, pack, PackPlace::kSealed, &state);
      // A damaged header hides its object from the scan.
      if (contents.ok()) entries = std::move(contents->entries);
      NS_RETURN_IF_ERROR(
          AddIndexedEntries(what_.index, what_.vault, pack, entries));
    }
    sealed_seen_.insert(pack);
    return ScrubPack(pack, entries, state.synced_length, done);
  }

  // Of a pack that ended early the table may be of more than is left.
  void NoteTable(const PackId& pack, const PackState& state,
                 const absl::Status& status) {
    if (state.lost || absl::IsUnavailable(status)) return;
    AddFraming(pack, 0,
               absl::StrCat("its table of contents: ",
                            status.ok() ? "not the one that the journal names"
                                        : status.message(),
                            "; it costs nothing: the pack itself is read "
                            "instead"));
  }

  absl::Status ScrubPack(const PackId& pack,
                         const std::vector<PackEntry>& entries, uint64_t length,
                         bool done) {
    absl::StatusOr<std::unique_ptr<PackReader>> reader =
        OpenNamedPack(what_.fs, what_.paths, pack);
    if (!reader.ok()) {
      sealed_seen_.erase(pack);
      return AddPackProblem(pack, entries, VerdictOf(reader.status()),
                            reader.status().message());
    }
    const absl::StatusOr<uint64_t> length_now = (*reader)->file().Size();
    if (!length_now.ok()) {
      sealed_seen_.erase(pack);
      return AddPackProblem(pack, entries, Verdict::kUnreadable,
                            length_now.status().message());
    }
    const uint64_t size = *length_now;
    const auto tail = std::partition_point(
        entries.begin(), entries.end(),
        [&](const PackEntry& entry) { return entry.end() <= size; });
    if (size < length && tail != entries.end()) {
      NS_RETURN_IF_ERROR(
          AddPackProblem(pack, {tail, entries.end()}, Verdict::kWrong,
                         absl::StrCat("the pack has ", size, " bytes, ", length,
                                      " were synced")));
    }
    bool is_another = false;
    if (size >= kPackHeaderBytes) {
      NS_RETURN_IF_ERROR(CheckHeader(pack, **reader, is_another));
      if (is_another) return absl::OkStatus();
    }
    const std::span<const PackEntry> whole(entries.begin(), tail);
    // Of a pack that a scrub was stopped in, the objects before the offset are
    // done.
    const size_t first = static_cast<size_t>(
        std::partition_point(whole.begin(), whole.end(),
                             [&](const PackEntry& entry) {
                               return done || entry.offset < cursor_.offset();
                             }) -
        whole.begin());
    NS_RETURN_IF_ERROR(CompareWithIndex(pack, {entries.data(), first}));
    for (size_t begin = first; begin < whole.size();) {
      size_t end = begin + 1;
      while (end < whole.size() &&
             whole[end].end() - whole[begin].offset <= kReadBytes) {
        ++end;
      }
      NS_RETURN_IF_ERROR(
          ScrubRun((*reader)->file(), pack, whole.subspan(begin, end - begin)));
      begin = end;
    }
    // The index still knows of these.
    return CompareWithIndex(pack, std::span(entries).subspan(whole.size()));
  }

  // A pack whose header is merely damaged is read all the same.
  absl::Status CheckHeader(const PackId& pack, const PackReader& reader,
                           bool& is_another) {
    const absl::StatusOr<HeaderState> state =
        LookAtHeader(reader, what_.vault, pack);
    if (state.ok() && *state == HeaderState::kOfAnother) {
      is_another = true;
      sealed_seen_.erase(pack);
      // The table may have come with the other pack, so it is not asked.
      std::vector<PackEntry> claimed;
      NS_RETURN_IF_ERROR(
          AddIndexedEntries(what_.index, what_.vault, pack, claimed));
      return AddPackProblem(pack, claimed, Verdict::kWrong,
                            "the file under this name is another pack: were "
                            "they swapped? Put back right, it is used again");
    }
    if (state.ok() && *state == HeaderState::kDamaged) {
      AddFraming(pack, 0,
                 "its header is damaged, which costs nothing: every object of "
                 "the pack is proved by its id");
    }
    return absl::OkStatus();
  }

  // Neighbouring objects, read at once with the headers of their records.
  absl::Status ScrubRun(const File& file, const PackId& pack,
                        std::span<const PackEntry> run) {
    const uint64_t begin = run.front().record();
    buffer_.resize(static_cast<size_t>(run.back().end() - begin));
    const absl::StatusOr<size_t> got =
        file.ReadAt(begin, AsMutableBytes(buffer_));
    const size_t valid = got.ok() ? *got : 0;
    for (const PackEntry& entry : run) {
      const size_t at = static_cast<size_t>(entry.offset - begin);
      const bool fine =
          at + entry.length <= valid &&
          ObjectIdOf(AsBytes(buffer_).subspan(at, entry.length)) == entry.id;
      const IndexEntry copy = ToIndexEntry(pack, entry);
      if (!fine || IsQuarantined(copy)) {
        LookAgain(copy);
        NS_RETURN_IF_ERROR(Breathe());
      } else if (HasOpenFinding(what_.journal, copy)) {
        right_again_.push_back(copy);  // a second good copy
      }
      const size_t record = static_cast<size_t>(entry.record() - begin);
      if (at <= valid &&
          !IsRecordHeaderOf(entry, AsBytes(buffer_).subspan(record))) {
        const absl::Status status = LookAtRecord(file, entry);
        if (!status.ok()) AddFraming(pack, entry.record(), status.message());
      }
      cursor_.set_objects(cursor_.objects() + 1);
      cursor_.set_bytes(cursor_.bytes() + entry.length);
    }
    NS_RETURN_IF_ERROR(SettleCopies());
    NS_RETURN_IF_ERROR(CompareWithIndex(pack, run));
    if (cursor_.unfinished_packs_done()) cursor_.set_offset(run.back().end());
    return Report();
  }

  absl::Status Report() {
    settled_ = cursor_;
    return Breathe();
  }

  // A failing disk may take long over each object, so that a scrub must be
  // able to end between two of them: what was found since the last report is
  // then found again.
  absl::Status Breathe() {
    if (!progress_) return absl::OkStatus();
    return progress_({.objects = settled_.objects(),
                      .bytes = settled_.bytes(),
                      .total_bytes = std::max(total_bytes_, settled_.bytes()),
                      .cursor = &settled_});
  }

  bool IsQuarantined(const IndexEntry& copy) const {
    return what_.journal.Read([&](const VaultState& state) {
      return state.has_quarantine() &&
             state.IsQuarantined(copy.domain_number, copy.id,
                                 copy.location.pack, copy.location.offset);
    });
  }

  // The second read decides: fine, unreadable now, or wrong.
  void LookAgain(const IndexEntry& copy) {
    const absl::Status status =
        ReadPastCache(what_.fs, what_.paths, copy.id, copy.location);
    if (!status.ok()) {
      const Verdict verdict = VerdictOf(status);
      if (IsSettled(what_.journal, copy)) return;
      if (verdict != Verdict::kUnreadable) wrong_.push_back(copy);
      AddProblem(copy, verdict, status.message());
    } else if (IsQuarantined(copy)) {
      right_again_.push_back(copy);
    }
  }

  // Journals what LookAgain found out.
  absl::Status SettleCopies() {
    if (what_.journal.failure().ok()) {
      if (!wrong_.empty()) {
        NS_RETURN_IF_ERROR(what_.store.Quarantine(
            wrong_, "the stored bytes are not this object"));
      }
      const std::vector<IndexEntry> durable =
          RightOnDisk(what_.fs, what_.paths, right_again_);
      if (!durable.empty()) {
        NS_RETURN_IF_ERROR(what_.store.Reinstate(durable));
      }
    }
    wrong_.clear();
    right_again_.clear();
    return absl::OkStatus();
  }

  void AddProblem(ScrubProblem problem) {
    const auto pack = ParsePackFileName(problem.pack);
    if (pack && what_.store.IsRemoved(*pack)) return;  // copied by a collection
    if (problem.verdict == Verdict::kUnreadable) {
      cursor_.set_unreadable(cursor_.unreadable() + problem.objects);
    } else if (problem.verdict == Verdict::kWrong ||
               problem.verdict == Verdict::kMissing) {
      cursor_.set_wrong(cursor_.wrong() + problem.objects);
    }
    Keep(std::move(problem));
  }

  void Keep(ScrubProblem problem) {
    if (problems_.size() < kMaxScrubProblems) {
      problems_.push_back(std::move(problem));
    } else {
      ++more_problems_;
    }
  }

  void AddProblem(const IndexEntry& copy, Verdict verdict,
                  absl::string_view detail) {
    AddProblem({.domain_number = copy.domain_number,
                .id = copy.id,
                .pack = PackFileName(copy.location.pack),
                .offset = copy.location.offset,
                .verdict = verdict,
                .detail = std::string(detail)});
  }

  void AddFraming(const PackId& pack, uint64_t offset,
                  absl::string_view detail) {
    AddProblem({.pack = PackFileName(pack),
                .offset = offset,
                .objects = 0,
                .verdict = Verdict::kFraming,
                .detail = std::string(detail)});
  }

  absl::Status AddPackProblem(const PackId& pack,
                              const std::vector<PackEntry>& entries,
                              Verdict verdict, absl::string_view detail) {
    const auto copies = NotSettled(what_.journal, pack, entries);
    if (copies.empty()) return Report();
    AddProblem({.pack = PackFileName(pack),
                .objects = copies.size(),
                .verdict = verdict,
                .detail = std::string(detail)});
    if (verdict == Verdict::kUnreadable || !what_.journal.failure().ok()) {
      return Report();
    }
    NS_RETURN_IF_ERROR(what_.store.Quarantine(copies, detail));
    return Report();
  }

  // Counts what the index says of these, and finds what it does not know.
  absl::Status CompareWithIndex(const PackId& pack,
                                std::span<const PackEntry> entries) {
    return comparison_.Meet(pack, entries, [this](const IndexEntry& stored) {
      if (IsQuarantined(stored)) return;
      AddProblem(stored, Verdict::kUnindexed,
                 "stored, but not in the object index: run `nightsafed "
                 "rebuild`");
    });
  }

  // Every entry that points into a finished pack must have been met there.
  absl::Status CompareIndex() {
    NS_ASSIGN_OR_RETURN(std::vector<IndexEntry> suspects,
                        comparison_.Suspects(sealed_seen_));
    for (const IndexEntry& entry : suspects) {
      if (IsQuarantined(entry)) continue;
      LookAgain(entry);
      NS_RETURN_IF_ERROR(Breathe());
    }
    return SettleCopies();
  }

  const ScrubbedVault what_;
  const ScrubCallback& progress_;
  ScrubCursor cursor_;
  ScrubCursor settled_;  // as of the last report
  PacksByOrder packs_;
  uint64_t total_bytes_ = 0;
  IndexComparison comparison_;
  absl::flat_hash_set<PackId> sealed_seen_;
  std::vector<IndexEntry> wrong_;
  std::vector<IndexEntry> right_again_;
  std::vector<ScrubProblem> problems_;
  uint64_t more_problems_ = 0;
  std::string buffer_;
};

}  // namespace

absl::StatusOr<ScrubResult> ScrubVault(const ScrubbedVault& what,
                                       const ScrubCursor& cursor,
                                       const ScrubCallback& progress) {
  return Scrub(what, cursor, progress).Run();
}

}  // namespace nightsafe
