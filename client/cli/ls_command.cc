// nightsafe ls

#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/reading_session.h"
#include "client/restore/entry_walk.h"
#include "client/terminal/text.h"
#include "common/base/status.h"
#include "common/tree/path_key.h"

namespace nightsafe {
namespace {

using v1::format::Entry;

struct LsOptions {
  ReadingOptions reading;
  std::string name;
  bool long_form = false;
  bool recursive = false;
  bool json = false;
};

char LetterOf(v1::format::EntryType type) {
  // In the order of the enum.
  constexpr absl::string_view kLetters = "?-dlpcbs";
  size_t index = static_cast<size_t>(type);
  return index < kLetters.size() ? kLetters[index] : '?';
}

std::string ModeOf(const Entry& entry) {
  constexpr absl::string_view kBits = "rwxrwxrwx";
  std::string text(1, LetterOf(entry.type()));
  for (size_t i = 0; i < kBits.size(); ++i) {
    text.push_back((entry.mode() >> (8 - i)) & 1 ? kBits[i] : '-');
  }
  if (entry.mode() & 04000) text[3] = text[3] == 'x' ? 's' : 'S';
  if (entry.mode() & 02000) text[6] = text[6] == 'x' ? 's' : 'S';
  if (entry.mode() & 01000) text[9] = text[9] == 'x' ? 't' : 'T';
  return text;
}

std::string OwnerOf(const std::string& name, uint32_t id) {
  return name.empty() ? absl::StrCat(id) : ShowName(name);
}

absl::Time TimeOf(const Entry& entry) {
  return absl::FromUnixSeconds(entry.mtime_seconds()) +
         absl::Nanoseconds(entry.mtime_nanoseconds());
}

void PrintLine(const Entry& entry, const std::string& path, bool long_form) {
  if (!long_form) {
    std::printf("%s\n", ShowName(path).c_str());
    return;
  }
  bool device = entry.type() == v1::format::CHARACTER_DEVICE ||
                entry.type() == v1::format::BLOCK_DEVICE;
  std::string size =
      device ? absl::StrCat(entry.rdev_major(), ",", entry.rdev_minor())
             : absl::StrCat(entry.size_bytes());
  std::string line =
      absl::StrFormat("%s %-8s %-8s %12s %s %s", ModeOf(entry),
                      OwnerOf(entry.user_name(), entry.uid()),
                      OwnerOf(entry.group_name(), entry.gid()), size,
                      ShowTime(TimeOf(entry)), ShowName(path));
  if (entry.type() == v1::format::SYMLINK) {
    absl::StrAppend(&line, " -> ", ShowName(entry.symlink_target()));
  }
  if (entry.unreadable()) absl::StrAppend(&line, "  (content not saved)");
  std::printf("%s\n", line.c_str());
}

// One object a line, so that a listing of any length can be read as it comes.
void PrintJsonLine(const Entry& entry, const std::string& path) {
  nlohmann::json line = {
      {"path", path},
      // Names are bytes; this is exact where "path" cannot be.
      {"path_hex", HexEncode(AsBytes(path))},
      {"type", v1::format::EntryType_Name(entry.type())},
      {"mode", entry.mode()},
      {"uid", entry.uid()},
      {"gid", entry.gid()},
      {"size_bytes", entry.size_bytes()},
      {"mtime_unix_ns", absl::ToUnixNanos(TimeOf(entry))}};
  if (entry.type() == v1::format::SYMLINK) {
    line["symlink_target"] = entry.symlink_target();
  }
  if (entry.unreadable()) line["unreadable"] = true;
  std::printf("%s\n", line.dump(-1, ' ', false,
                                nlohmann::json::error_handler_t::replace)
                          .c_str());
}

// `listed`: path of the entry whose directory is shown, without trailing '/'.
bool IsListed(const TreeEntry& entry, const std::string& listed,
              bool recursive) {
  if (recursive) return true;
  std::string own = entry.key.directory;
  return own == listed && !(entry.key.name.empty() && own.empty());
}

absl::StatusOr<ExitCode> Run(const ClientOptions& client,
                             const LsOptions& options) {
  NS_ASSIGN_OR_RETURN(ChosenSnapshot chosen,
                      ChooseSnapshot(client, options.reading, options.name));
  const OpenedManifest& opened = *chosen.snapshot->opened;
  ObjectSource objects = chosen.session->ObjectsOf(*chosen.snapshot);
  NodeSource nodes(objects, opened.root);
  std::string path = chosen.path.empty() ? "/" : chosen.path;
  EntryWalk walk(nodes, opened.root, opened.sealed.statistics(),
                 {path == "/" ? "" : path, false});
  std::string listed = path == "/" ? "" : path;
  bool damaged = false;
  for (;;) {
    NS_ASSIGN_OR_RETURN(std::optional<TreeEntry> entry, walk.Next());
    for (const LostNode& lost : walk.TakeLost()) {
      damaged = true;
      std::fprintf(
          stderr, "damaged: %llu entries from %s on cannot be read\n",
          static_cast<unsigned long long>(lost.entries),
          ShowName(JoinPath(lost.first.directory, lost.first.name)).c_str());
    }
    if (!entry.has_value()) break;
    std::string own = JoinPath(entry->key.directory, entry->key.name);
    bool itself = own == path;
    bool directory = entry->entry.type() == v1::format::DIRECTORY;
    if (itself && directory && !options.recursive) continue;
    // A directory's own listing comes before those of its children.
    if (!itself && !IsListed(*entry, listed, options.recursive)) break;
    options.json ? PrintJsonLine(entry->entry, own)
                 : PrintLine(entry->entry, own, options.long_form);
  }
  return damaged ? kExitDamaged : kExitOk;
}

}  // namespace

void AddLsCommand(Program& program, const ClientOptions& client) {
  auto options = std::make_shared<LsOptions>();
  CLI::App* command = program.AddCommand(
      "ls", "List what is in a snapshot: one directory, or all below it");
  command->footer(SnapshotNameHelp());
  command->add_option("NAME", options->name, "snapshot and path")->required();
  command->add_flag("-l,--long", options->long_form,
                    "mode, owner, size, time, target");
  command->add_flag("-R,--recursive", options->recursive);
  command->add_flag("--json", options->json, "one JSON object a line");
  options->reading.AddTo(command);
  program.OnRun(command, [&client, options] { return Run(client, *options); });
}

}  // namespace nightsafe
