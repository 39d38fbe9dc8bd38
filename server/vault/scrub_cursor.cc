#include "server/vault/scrub_cursor.h"

#include "common/base/crc32c.h"
#include "common/base/cursor.h"
#include "common/base/status.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

constexpr uint64_t kMaxCursorBytes = 4096;

}  // namespace

std::optional<ScrubCursor> LoadScrubCursor(FileSystem& fs,
                                           const VaultPaths& paths) {
  const absl::StatusOr<std::string> bytes =
      ReadWholeFile(fs, paths.scrub, kMaxCursorBytes);
  if (!bytes.ok()) return std::nullopt;
  ByteCursor in(AsBytes(*bytes));
  const uint32_t checksum = in.U32();
  const ByteView rest = in.rest();
  ScrubCursor cursor;
  if (in.failed() || Crc32c(rest) != checksum ||
      !cursor.ParseFromArray(rest.data(), static_cast<int>(rest.size()))) {
    return std::nullopt;
  }
  return cursor;
}

absl::Status SaveScrubCursor(FileSystem& fs, const VaultPaths& paths,
                             const ScrubCursor& cursor) {
  const std::string message = cursor.SerializeAsString();
  std::string bytes;
  PutU32(Crc32c(AsBytes(message)), bytes);
  bytes += message;
  return WriteFileDurably(fs, paths.scrub, AsBytes(bytes), 0640);
}

absl::Status RemoveScrubCursor(FileSystem& fs, const VaultPaths& paths) {
  const absl::Status status = fs.Unlink(paths.scrub);
  if (absl::IsNotFound(status)) return absl::OkStatus();
  NS_RETURN_IF_ERROR(status);
  return fs.SyncDirectory(paths.root);
}

}  // namespace nightsafe
