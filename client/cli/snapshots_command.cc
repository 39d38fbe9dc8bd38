// nightsafe snapshots

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/cli/reading_session.h"
#include "client/terminal/text.h"
#include "common/base/status.h"

namespace nightsafe {
namespace {

struct SnapshotsOptions {
  ReadingOptions reading;
  std::string filter;
  bool trash = false;
  bool all = false;
  bool json = false;

  SnapshotLife last_life() const {
    if (all) return SnapshotLife::kPurged;
    return trash ? SnapshotLife::kExpired : SnapshotLife::kLive;
  }
};

using Rows = std::vector<const Snapshot*>;

uint64_t EntriesOf(const Snapshot& snapshot) {
  return snapshot.opened ? snapshot.opened->sealed.statistics().entries()
                         : snapshot.manifest.clear.rounded_entries();
}

uint64_t BytesOf(const Snapshot& snapshot) {
  return snapshot.opened ? snapshot.opened->sealed.statistics().file_bytes()
                         : snapshot.manifest.clear.rounded_bytes();
}

std::string NameOf(const Snapshot& snapshot) {
  const v1::format::ManifestClear& clear = snapshot.manifest.clear;
  std::string name = absl::StrCat(clear.host(), "/", clear.set());
  return clear.keyed_name().empty()
             ? name
             : absl::StrCat(name, " ", clear.keyed_name());
}

absl::string_view LifeOf(const Snapshot& snapshot) {
  switch (snapshot.life) {
    case SnapshotLife::kLive:
      return "live";
    case SnapshotLife::kExpired:
      return "expired";
    case SnapshotLife::kPurged:
      return "purged";
  }
  return "";
}

void PrintTable(const Rows& rows) {
  std::vector<std::vector<std::string>> table = {
      {"ID", "HOST/SET", "RECEIVED", "AGE", "ENTRIES", "SIZE", "NEW", "FLAGS"}};
  std::map<std::string, size_t> notes;
  for (const Snapshot* snapshot : rows) {
    std::vector<std::string> flags;
    if (snapshot->life != SnapshotLife::kLive) {
      flags.push_back(std::string(LifeOf(*snapshot)));
    }
    for (const std::string& warning : snapshot->warnings) {
      size_t number = notes.emplace(warning, notes.size() + 1).first->second;
      flags.push_back(absl::StrCat("[", number, "]"));
    }
    std::string about = snapshot->opened ? "" : "~";
    table.push_back({ShortId(snapshot->manifest.id),
                     ShowName(NameOf(*snapshot)), ShowTime(snapshot->received),
                     ShowDuration(absl::Now() - snapshot->received),
                     absl::StrCat(about, EntriesOf(*snapshot)),
                     absl::StrCat(about, ShowBytes(BytesOf(*snapshot))),
                     ShowBytes(snapshot->new_bytes),
                     absl::StrJoin(flags, " ")});
  }
  std::fputs(ShowTable(table).c_str(), stdout);
  std::map<size_t, std::string> by_number;
  for (const auto& [note, number] : notes) by_number[number] = note;
  for (const auto& [number, note] : by_number) {
    std::printf("[%zu] %s\n", number, ShowName(note).c_str());
  }
}

void PrintJson(const Rows& rows) {
  nlohmann::json list = nlohmann::json::array();
  for (const Snapshot* snapshot : rows) {
    const v1::format::ManifestClear& clear = snapshot->manifest.clear;
    list.push_back({{"id", snapshot->manifest.id.Hex()},
                    {"host", clear.host()},
                    {"set", clear.set()},
                    {"keyed_name", clear.keyed_name()},
                    {"sequence", snapshot->sequence},
                    {"received_unix_ns", absl::ToUnixNanos(snapshot->received)},
                    {"entries", EntriesOf(*snapshot)},
                    {"file_bytes", BytesOf(*snapshot)},
                    {"new_bytes", snapshot->new_bytes},
                    {"life", LifeOf(*snapshot)},
                    {"verified", snapshot->genuine.ok()},
                    {"warnings", snapshot->warnings}});
  }
  // Bytes that are not UTF-8 must not end the listing.
  std::printf("%s\n",
              list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
                  .c_str());
}

absl::StatusOr<ExitCode> Run(const ClientOptions& client,
                             const SnapshotsOptions& options) {
  SetFilter filter;
  if (!options.filter.empty()) {
    NS_ASSIGN_OR_RETURN(filter, ParseSetFilter(options.filter));
  }
  NS_ASSIGN_OR_RETURN(std::unique_ptr<ReadingSession> session,
                      ReadingSession::Open(client, options.reading));
  std::optional<ReadKey> key;
  if (session->HasKey()) {
    NS_ASSIGN_OR_RETURN(key, session->OpenKey());
  } else {
    std::fprintf(stderr,
                 "no key: nothing is verified, figures are rounded (~)\n");
  }
  NS_ASSIGN_OR_RETURN(Catalog catalog,
                      session->LoadCatalog(filter.host, key ? &*key : nullptr));
  Rows rows;
  for (const Snapshot& snapshot : catalog.snapshots()) {
    const v1::format::ManifestClear& clear = snapshot.manifest.clear;
    if (!filter.host.empty() && clear.host() != filter.host) continue;
    if (!filter.set.empty() && clear.set() != filter.set) continue;
    if (snapshot.life > options.last_life()) continue;
    rows.push_back(&snapshot);
  }
  options.json ? PrintJson(rows) : PrintTable(rows);
  if (rows.empty()) std::fprintf(stderr, "no snapshots\n");
  bool forged = key.has_value() &&
                std::any_of(rows.begin(), rows.end(), [](const Snapshot* row) {
                  return !row->genuine.ok();
                });
  return forged || catalog.malformed() > 0 ? kExitDamaged : kExitOk;
}

}  // namespace

void AddSnapshotsCommand(Program& program, const ClientOptions& client) {
  auto options = std::make_shared<SnapshotsOptions>();
  CLI::App* command = program.AddCommand(
      "snapshots",
      "List snapshots, oldest first, by the time the server received them. "
      "With a key each is verified: its signature, and that none before it is "
      "missing");
  command->add_option("HOST[/SET]", options->filter, "only these");
  command->add_flag("--trash", options->trash,
                    "also those that expired and can be restored by their id");
  command->add_flag("--all", options->all,
                    "also those that were purged and are gone for good");
  command->add_flag("--json", options->json);
  options->reading.AddTo(command);
  program.OnRun(command, [&client, options] { return Run(client, *options); });
}

}  // namespace nightsafe
