#include "client/agent/state.h"

#include "absl/strings/str_cat.h"
#include "common/base/cursor.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/crypto/blake3.h"
#include "common/io/durable_file.h"

namespace nightsafe {
namespace {

constexpr absl::string_view kMagic = "NSSTATE1";
constexpr absl::string_view kFileName = "state";
constexpr size_t kMaxStateBytes = 256 << 10;
constexpr size_t kChecksumBytes = 32;

void PutFigures(const SnapshotFigures& figures, std::string& out) {
  PutU64(figures.entries, out);
  PutU64(figures.file_bytes, out);
  PutU64(figures.unreadable, out);
}

SnapshotFigures TakeFigures(ByteCursor& cursor) {
  SnapshotFigures figures;
  figures.entries = cursor.U64();
  figures.file_bytes = cursor.U64();
  figures.unreadable = cursor.U64();
  return figures;
}

std::string TakeText(ByteCursor& cursor) {
  return std::string(AsText(cursor.Take(cursor.U32())));
}

std::string StatePath(absl::string_view set_directory) {
  return absl::StrCat(set_directory, "/", kFileName);
}

}  // namespace

std::string EncodeSetState(const SetState& state) {
  std::string out(kMagic);
  AppendBytes(state.identity.view(), out);
  AppendBytes(state.head.view(), out);
  PutU64(state.chain_counter, out);
  PutU8(state.restarted ? 1 : 0, out);
  PutU64(static_cast<uint64_t>(absl::ToUnixNanos(state.received)), out);
  PutFigures(state.figures, out);
  PutLengthPrefixed(AsBytes(state.index_name), out);
  PutU8(state.pending.has_value() ? 1 : 0, out);
  if (state.pending.has_value()) {
    AppendBytes(state.pending->session.view(), out);
    PutLengthPrefixed(AsBytes(state.pending->manifest), out);
    PutLengthPrefixed(AsBytes(state.pending->index_name), out);
    PutU64(state.pending->chain_counter, out);
    PutFigures(state.pending->figures, out);
  }
  const Hash32 checksum = HashOf(AsBytes(out));
  AppendBytes(checksum, out);
  return out;
}

absl::StatusOr<SetState> DecodeSetState(ByteView bytes) {
  if (bytes.size() < kMagic.size() + kChecksumBytes) {
    return absl::DataLossError("the state file ends early");
  }
  const ByteView body = bytes.first(bytes.size() - kChecksumBytes);
  const Hash32 checksum = HashOf(body);
  if (AsText(ByteView(checksum)) != AsText(bytes.last(kChecksumBytes))) {
    return absl::DataLossError("the state file's checksum is wrong");
  }
  ByteCursor cursor(body);
  if (AsText(cursor.Take(kMagic.size())) != kMagic) {
    return absl::DataLossError("the state file is of another version");
  }
  SetState state;
  state.identity = cursor.TakeId<IndexIdentity>();
  state.head = cursor.TakeId<SnapshotId>();
  state.chain_counter = cursor.U64();
  const uint8_t restarted = cursor.U8();
  state.restarted = restarted == 1;
  state.received = absl::FromUnixNanos(static_cast<int64_t>(cursor.U64()));
  state.figures = TakeFigures(cursor);
  state.index_name = TakeText(cursor);
  const uint8_t has_pending = cursor.U8();
  if (has_pending == 1) {
    PendingCommit pending;
    pending.session = cursor.TakeId<SessionId>();
    pending.manifest = TakeText(cursor);
    pending.index_name = TakeText(cursor);
    pending.chain_counter = cursor.U64();
    pending.figures = TakeFigures(cursor);
    state.pending = std::move(pending);
  }
  NS_RETURN_IF_ERROR(cursor.Finish("the state file"));
  if (restarted > 1 || has_pending > 1) {
    return absl::DataLossError(
        "the state file has a flag that is neither 0 nor 1");
  }
  return state;
}

absl::StatusOr<SetState> LoadSetState(FileSystem& fs,
                                      absl::string_view set_directory) {
  NS_ASSIGN_OR_RETURN(
      const std::string bytes,
      ReadWholeFile(fs, StatePath(set_directory), kMaxStateBytes));
  return DecodeSetState(AsBytes(bytes));
}

absl::Status SaveSetState(FileSystem& fs, absl::string_view set_directory,
                          const SetState& state) {
  return WriteFileDurably(fs, StatePath(set_directory),
                          AsBytes(EncodeSetState(state)), 0600);
}

std::string SetDirectory(absl::string_view state_directory,
                         absl::string_view set) {
  return absl::StrCat(state_directory, "/sets/", set);
}

}  // namespace nightsafe
