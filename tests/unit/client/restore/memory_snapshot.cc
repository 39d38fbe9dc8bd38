#include "tests/unit/client/restore/memory_snapshot.h"

#include <algorithm>
#include <utility>

#include "client/restore/totals.h"
#include "common/base/check.h"
#include "tests/support/domain_fixture.h"

namespace nightsafe {
namespace {

constexpr size_t kHoleBytes = 64 << 10;

bool IsHole(const std::string& bytes) {
  return bytes.size() == kHoleBytes &&
         std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

}  // namespace

v1::format::Entry MakeEntry(v1::format::EntryType type, uint32_t mode) {
  v1::format::Entry entry;
  entry.set_type(type);
  entry.set_mode(mode);
  return entry;
}

MemorySnapshot::MemorySnapshot() : keys_(TestDomainKeys()), sealer_(keys_) {}

ObjectRef MemorySnapshot::SealData(const std::string& plain) {
  auto sealed = sealer_.Seal(ObjectKind::kData, {}, AsBytes(plain));
  NS_CHECK(sealed.ok());
  if (objects_.emplace(sealed->ref.id, sealed->bytes).second) {
    data_.push_back(sealed->ref.id);
  }
  return sealed->ref;
}

void MemorySnapshot::Add(const std::string& path, v1::format::Entry entry,
                         const std::string& content, size_t chunk_bytes) {
  FileExtents extents;
  size_t step = std::min(chunk_bytes, kHoleBytes);
  std::string pending;
  auto flush = [&] {
    if (pending.empty()) return;
    FileExtent extent;
    extent.object = SealData(pending);
    extent.length = pending.size();
    extents.push_back(extent);
    pending.clear();
  };
  for (size_t at = 0; at < content.size(); at += step) {
    std::string block = content.substr(at, step);
    if (IsHole(block)) {
      flush();
      FileExtent hole;
      hole.hole = true;
      hole.length = block.size();
      extents.push_back(hole);
      continue;
    }
    pending += block;
    if (pending.size() >= chunk_bytes) flush();
  }
  flush();
  if (entry.type() == v1::format::REGULAR && entry.size_bytes() == 0) {
    entry.set_size_bytes(content.size());
  }
  AddWithExtents(path, std::move(entry), std::move(extents));
}

void MemorySnapshot::AddWithExtents(const std::string& path,
                                    v1::format::Entry entry,
                                    FileExtents extents) {
  PathKey key = ParsePath(path).value();
  entry.set_name(key.name);
  added_[key] = {std::move(entry), std::move(extents)};
}

OpenedManifest MemorySnapshot::Finish() {
  TreeBuilder builder(keys_, sealer_, [this](SealedObject node) {
    nodes_.push_back(node.ref.id);
    objects_.emplace(node.ref.id, std::move(node.bytes));
    return absl::OkStatus();
  });
  Totals totals;
  for (const auto& [key, added] : added_) {
    totals.Add(added.entry);
    uint64_t bytes = added.entry.type() == v1::format::REGULAR
                         ? added.entry.size_bytes()
                         : 0;
    absl::Status status =
        builder.Add(key, added.entry.SerializeAsString(), bytes, added.extents);
    NS_CHECK(status.ok());
  }
  auto root = builder.Finish();
  NS_CHECK(root.ok());
  OpenedManifest manifest;
  manifest.root = *root;
  v1::format::Statistics& statistics = *manifest.sealed.mutable_statistics();
  statistics.set_entries(totals.entries);
  statistics.set_files(totals.files);
  statistics.set_directories(totals.directories);
  statistics.set_file_bytes(totals.file_bytes);
  return manifest;
}

ObjectFetch MemorySnapshot::Fetch() {
  return [this](const std::vector<ObjectId>& ids, const ObjectTake& take) {
    for (const ObjectId& id : ids) {
      RemoteObject object;
      object.id = id;
      {
        absl::MutexLock lock(&mutex_);
        ++fetched_[id];
      }
      auto found = objects_.find(id);
      if (found == objects_.end()) {
        object.status = absl::NotFoundError("not there");
      } else if (unreadable.contains(id)) {
        object.status = absl::UnavailableError("cannot be read");
      } else {
        object.bytes = found->second;
      }
      absl::Status status = take(std::move(object));
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  };
}

}  // namespace nightsafe
