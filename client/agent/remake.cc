#include "client/agent/remake.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "client/agent/descriptor.h"
#include "client/agent/entry.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/tree/path_key.h"

namespace nightsafe {
namespace {

// Beyond, the rest is read anew by the next pass.
constexpr size_t kMaxPieces = 1 << 18;

struct Piece {
  uint32_t offset = 0;  // in the object
  uint64_t length = 0;
  uint64_t file_offset = 0;
  std::string path;
  FileStamp stamp;
};

struct Recipe {
  ObjectRef ref;
  std::vector<Piece> pieces;
};
using Recipes = absl::flat_hash_map<ObjectId, Recipe>;

absl::StatusOr<Recipes> FindRecipes(
    const IndexReader& index, const absl::flat_hash_set<ObjectId>& missing) {
  Recipes recipes;
  size_t count = 0;
  IndexCursor cursor(index);
  while (const StoredEntry* stored = cursor.Next()) {
    if (stored->entry.read_at == 0) continue;
    NS_ASSIGN_OR_RETURN(const std::vector<IndexedExtent> extents,
                        index.Extents(*stored));
    uint64_t file_offset = 0;
    for (const IndexedExtent& item : extents) {
      const FileExtent& extent = item.extent;
      if (!extent.hole && missing.contains(extent.object.id)) {
        Recipe& recipe = recipes[extent.object.id];
        recipe.ref = extent.object;
        recipe.pieces.push_back(
            {extent.offset, extent.length, file_offset,
             JoinPath(stored->entry.directory, stored->entry.name),
             stored->entry.stamp});
        if (++count == kMaxPieces) return recipes;
      }
      file_offset += extent.length;
    }
  }
  return recipes;
}

// Appends the piece to `plain` if its file is as it was.
bool ReadPiece(const Piece& piece, std::string& plain) {
  const Descriptor file(
      open(piece.path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct statx stat;
  if (!file.open() ||
      statx(file.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stat) != 0 ||
      !S_ISREG(stat.stx_mode) || StampOf(stat) != piece.stamp) {
    return false;
  }
  const size_t start = plain.size();
  plain.resize(start + piece.length);
  size_t done = 0;
  while (done < piece.length) {
    const ssize_t count =
        pread(file.get(), plain.data() + start + done, piece.length - done,
              static_cast<off_t>(piece.file_offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<size_t>(count);
  }
  return true;
}

// The object's plaintext, or less if some of it cannot be had.
std::string ReadPieces(Recipe& recipe) {
  std::sort(recipe.pieces.begin(), recipe.pieces.end(),
            [](const Piece& a, const Piece& b) { return a.offset < b.offset; });
  std::string plain;
  for (const Piece& piece : recipe.pieces) {
    if (piece.offset < plain.size()) continue;  // another name or copy of it
    if (piece.offset > plain.size() ||
        piece.length > recipe.ref.plain_length - plain.size()) {
      break;
    }
    const size_t start = plain.size();
    if (!ReadPiece(piece, plain)) plain.resize(start);
  }
  return plain;
}

}  // namespace

absl::StatusOr<absl::flat_hash_set<ObjectId>> RemakeObjects(
    const IndexReader& index, const absl::flat_hash_set<ObjectId>& missing,
    const DomainKeys& keys, int compression_level, Upload& upload) {
  NS_ASSIGN_OR_RETURN(Recipes recipes, FindRecipes(index, missing));
  absl::flat_hash_set<ObjectId> remade;
  Sealer sealer(keys, compression_level);
  for (auto& [id, recipe] : recipes) {
    if (recipe.ref.plain_length > kMaxPlainBytes) continue;
    const std::string plain = ReadPieces(recipe);
    if (plain.size() != recipe.ref.plain_length) continue;
    NS_ASSIGN_OR_RETURN(SealedObject object,
                        sealer.Seal(ObjectKind::kData, {}, AsBytes(plain)));
    if (object.ref.id != id) continue;
    NS_RETURN_IF_ERROR(upload.Submit(std::move(object)));
    remade.insert(id);
  }
  return remade;
}

std::string DescribeLost(size_t count) {
  return absl::StrCat(
      count,
      " of them cannot be made as they were, since files in them changed or "
      "are gone: older snapshots that need them stay damaged (`nightsafe "
      "verify --all`, with a read key, names the paths)");
}

}  // namespace nightsafe
