// A snapshot opened and read in full, with everything verified on the way.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/status.h"
#include "common/snapshot/manifest.h"
#include "common/tree/cursor.h"

namespace nightsafe {

struct WholeSnapshot {
  v1::format::ManifestClear clear;
  v1::format::ManifestSealed sealed;
  // By path relative to `below`; "" is that directory itself.
  std::map<std::string, v1::format::Entry> entries;
  std::map<std::string, std::string> contents;  // of regular files
};

using FetchBytes = std::function<absl::StatusOr<std::string>(const ObjectId&)>;

// Only what lies in or below the directory `below` ("": everything).
inline absl::StatusOr<WholeSnapshot> ReadWholeSnapshot(
    const std::string& manifest_bytes, const ReadKey& key,
    const FetchBytes& fetch_bytes, const std::string& below) {
  WholeSnapshot snapshot;
  NS_ASSIGN_OR_RETURN(const Manifest manifest,
                      ParseManifest(AsBytes(manifest_bytes)));
  NS_ASSIGN_OR_RETURN(const OpenedManifest opened, OpenManifest(manifest, key));
  snapshot.clear = manifest.clear;
  snapshot.sealed = opened.sealed;
  Opener opener;
  std::map<ObjectId, std::string> plains;
  const NodeFetch fetch =
      [&](const ObjectRef& ref) -> absl::StatusOr<FetchedNode> {
    NS_ASSIGN_OR_RETURN(const std::string bytes, fetch_bytes(ref.id));
    NS_ASSIGN_OR_RETURN(const ObjectView view, ParseObject(AsBytes(bytes)));
    FetchedNode node;
    for (size_t i = 0; i < view.ref_count(); ++i) {
      node.refs.push_back(view.ref(i));
    }
    NS_ASSIGN_OR_RETURN(node.plain, opener.Open(AsBytes(bytes), ref));
    return node;
  };
  TreeCursor cursor(opened.root, fetch);
  for (;;) {
    NS_ASSIGN_OR_RETURN(const std::optional<TreeEntry> entry, cursor.Next());
    if (!entry.has_value()) return snapshot;
    const std::string path = JoinPath(entry->key.directory, entry->key.name);
    if (path != below && !path.starts_with(below + "/")) continue;
    const std::string name = path == below ? "" : path.substr(below.size() + 1);
    snapshot.entries[name] = entry->entry;
    if (entry->entry.type() != v1::format::REGULAR) continue;
    std::string& content = snapshot.contents[name];
    NS_RETURN_IF_ERROR(ReadExtents(
        *entry, fetch, [&](const FileExtent& extent) -> absl::Status {
          if (extent.hole) {
            content.append(extent.length, '\0');
            return absl::OkStatus();
          }
          std::string& plain = plains[extent.object.id];
          if (plain.empty()) {
            NS_ASSIGN_OR_RETURN(const std::string bytes,
                                fetch_bytes(extent.object.id));
            NS_ASSIGN_OR_RETURN(plain,
                                opener.Open(AsBytes(bytes), extent.object));
          }
          content += plain.substr(extent.offset, extent.length);
          return absl::OkStatus();
        }));
  }
}

}  // namespace nightsafe
