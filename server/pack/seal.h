// Finishes a pack: writes its table of contents and moves it to the finished
// ones.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/io/file_system.h"
#include "server/pack/format.h"

namespace nightsafe {

struct SealedPack {
  // What now stands: `toc` as given, or one that an interrupted seal had left.
  Toc toc;
  // BLAKE3 of the .toc file.
  Hash32 toc_hash{};
};

// Writes `sealed_directory`/<pack>.toc, then renames <pack>.pack from
// `open_directory` to there; durable when OK. The first toc.pack_length bytes
// of the pack must have been synced. An interrupted call can be repeated: a
// table of contents that is there already was written when all it lists was
// durable, so it stands. DATA_LOSS: the pack is shorter than its table says, or
// that table is damaged.
absl::StatusOr<SealedPack> SealPack(FileSystem& fs,
                                    absl::string_view open_directory,
                                    absl::string_view sealed_directory,
                                    const Toc& toc);

// The table of a finished pack. NOT_FOUND, UNAVAILABLE; DATA_LOSS if it is
// damaged or of another pack or vault.
absl::StatusOr<SealedPack> ReadToc(FileSystem& fs,
                                   absl::string_view sealed_directory,
                                   const VaultId& vault, const PackId& pack);

}  // namespace nightsafe
