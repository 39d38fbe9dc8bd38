#include "client/restore/restore.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "client/restore/snapshot_reader.h"
#include "client/restore/totals.h"
#include "common/base/status.h"
#include "common/tree/path_key.h"

namespace nightsafe {
namespace {

void ReportLost(const LostNode& lost, RestoreReport& report) {
  std::string what = lost.entries == 0
                         ? "the snapshot's tree"
                         : absl::StrCat(lost.entries, " entries from here on (",
                                        lost.file_bytes, " bytes)");
  report.Add(Trouble::kDamaged, JoinPath(lost.first.directory, lost.first.name),
             absl::StrCat(what, ": ", lost.status.message()));
}

// Drains `reader`, giving each item to `take`; then, for a whole walk, compares
// the totals.
absl::Status ReadAll(
    SnapshotReader& reader, const v1::format::Statistics& statistics,
    bool whole, RestoreReport& report, const OnRestoreProgress& on_progress,
    const std::function<absl::Status(const ContentItem&)>& take) {
  Totals totals;
  bool lost_any = false;
  for (;;) {
    NS_ASSIGN_OR_RETURN(std::optional<ContentWindow> window, reader.Next());
    if (!window.has_value()) break;
    for (const ContentItem& item : window->items) {
      if (item.begins) totals.Add(item.entry->entry);
      NS_RETURN_IF_ERROR(take(item));
    }
    for (const LostNode& lost : window->lost) ReportLost(lost, report);
    lost_any |= !window->lost.empty();
    if (on_progress) on_progress(report);
  }
  if (!whole || lost_any) return absl::OkStatus();
  absl::Status same = CheckTotals(totals, statistics);
  if (!same.ok()) report.Add(Trouble::kDamaged, "", same.message());
  return absl::OkStatus();
}

absl::Status WriteItem(const ContentItem& item, TreeWriter& writer) {
  if (item.begins) NS_RETURN_IF_ERROR(writer.Begin(item.entry));
  for (const ContentPiece& piece : item.pieces) {
    if (piece.plain == nullptr) {
      writer.MarkDamaged(piece.status.message());
      continue;
    }
    ByteView plain = AsBytes(*piece.plain);
    if (piece.offset > plain.size() ||
        piece.length > plain.size() - piece.offset) {
      writer.MarkDamaged("its extents lie outside their object");
      continue;
    }
    NS_RETURN_IF_ERROR(writer.Write(piece.file_offset,
                                    plain.subspan(piece.offset, piece.length)));
  }
  if (!item.status.ok()) writer.MarkDamaged(item.status.message());
  return item.ends ? writer.End() : absl::OkStatus();
}

// Remembers which objects are bad, because each comes only once.
class Verifier {
 public:
  Verifier(absl::flat_hash_map<ObjectId, absl::Status>& bad,
           RestoreReport& report)
      : bad_(bad), report_(report) {}

  void Check(const ContentItem& item) {
    if (item.begins) damage_ = absl::OkStatus();
    for (const ContentPiece& piece : item.pieces) CheckPiece(piece);
    if (damage_.ok()) damage_ = item.status;
    if (item.ends) Conclude(*item.entry);
  }

 private:
  void CheckPiece(const ContentPiece& piece) {
    absl::Status status = piece.status;
    if (!status.ok()) bad_.emplace(piece.object.id, status);
    if (auto bad = bad_.find(piece.object.id); bad != bad_.end()) {
      status = bad->second;
    }
    if (piece.plain != nullptr) report_.written_bytes += piece.plain->size();
    if (damage_.ok()) damage_ = status;
  }

  void Conclude(const TreeEntry& entry) {
    std::string path = JoinPath(entry.key.directory, entry.key.name);
    bool regular = entry.entry.type() == v1::format::REGULAR;
    if (uint64_t group = entry.entry.link_group(); group != 0) {
      // The content comes with the first name only.
      damage_ = links_.emplace(group, damage_).first->second;
    }
    if (!damage_.ok()) {
      report_.Add(Trouble::kDamaged, path, damage_.message());
      return;
    }
    if (entry.entry.unreadable()) {
      report_.Add(Trouble::kNotSaved, path,
                  "could not be read when the snapshot was made");
    }
    ++report_.entries;
    if (!regular) return;
    ++report_.files;
    report_.file_bytes += entry.entry.size_bytes();
  }

  absl::flat_hash_map<ObjectId, absl::Status>& bad_;
  RestoreReport& report_;
  absl::Status damage_;
  absl::flat_hash_map<uint64_t, absl::Status> links_;
};

}  // namespace

absl::Status RestoreSnapshot(const ObjectSource& objects,
                             const OpenedManifest& snapshot,
                             const TargetRoot& target,
                             const RestoreOptions& options,
                             RestoreReport& report,
                             const OnRestoreProgress& on_progress) {
  const v1::format::Statistics& statistics = snapshot.sealed.statistics();
  SnapshotReaderOptions reading;
  reading.path = options.path;
  SnapshotReader reader(objects, snapshot.root, statistics, reading);
  TreeWriter writer(target, options.writer, report);
  absl::Status read =
      ReadAll(reader, statistics, options.path.empty(), report, on_progress,
              [&](const ContentItem& item) { return WriteItem(item, writer); });
  if (!read.ok()) writer.MarkDamaged("the restore ended half-way");
  // Also after an error: what was made gets its attributes.
  absl::Status ended = writer.End();
  absl::Status finished = writer.Finish();
  NS_RETURN_IF_ERROR(read);
  NS_RETURN_IF_ERROR(ended);
  return finished;
}

absl::Status VerifySnapshot(const ObjectSource& objects,
                            const OpenedManifest& snapshot,
                            const VerifyOptions& options,
                            VerifiedObjects& objects_seen,
                            RestoreReport& report,
                            const OnRestoreProgress& on_progress) {
  const v1::format::Statistics& statistics = snapshot.sealed.statistics();
  SnapshotReaderOptions reading;
  reading.path = options.path;
  reading.contents = !options.structure_only;
  reading.once_each = &objects_seen.seen;
  SnapshotReader reader(objects, snapshot.root, statistics, reading);
  Verifier verifier(objects_seen.bad, report);
  return ReadAll(reader, statistics, options.path.empty(), report, on_progress,
                 [&](const ContentItem& item) {
                   verifier.Check(item);
                   return absl::OkStatus();
                 });
}

}  // namespace nightsafe
