// Reads files and turns their bytes into extents: small ones into bundles,
// large ones and streams into chunks, leaving out what is known.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/agent/assembler.h"
#include "client/agent/file_content.h"
#include "client/agent/known_content.h"
#include "client/agent/seal_pool.h"
#include "common/chunk/bundler.h"
#include "common/chunk/chunker.h"
#include "common/crypto/domain_keys.h"

namespace nightsafe {

// What became of one attempt to read a file. A problem of the file is not an
// error of the backup.
struct FileRead {
  int error = 0;       // errno; then there is no content
  uint64_t bytes = 0;  // the file's length as read, holes included
  FileContent content;
};

// Not thread-safe. Borrows all. An error is one of the pool or the assembler.
class ContentReader {
 public:
  ContentReader(const DomainKeys& keys, KnownContent& known, SealPool& pool,
                Assembler& assembler);

  // The regular file behind `descriptor`, of which stat said `size` (> 0).
  absl::StatusOr<FileRead> ReadFile(int descriptor, uint64_t size,
                                    double least_live);
  // A pipe or the like, to its end.
  absl::StatusOr<FileRead> ReadStream(int descriptor);

  // To be called for each entry after its content was read: ends a bundle that
  // too much waits behind.
  absl::Status EntryPushed(size_t encoded_bytes);
  // No file follows.
  absl::Status EndBundle();

  // Bytes read so far.
  uint64_t read_bytes() const { return read_bytes_; }

 private:
  absl::Status ReadSmall(int descriptor, double least_live, FileRead& out);
  absl::Status ReadSegment(int descriptor, uint64_t begin, uint64_t end,
                           double least_live, FileRead& out);
  absl::Status CutBuffered(bool at_end, double least_live, FileRead& out);
  absl::Status AddChunk(ByteView chunk, double least_live, FileRead& out);
  absl::Status AddToBundle(const Fingerprint& fingerprint, ByteView content,
                           FileRead& out);

  const DomainKeys& keys_;
  const Chunker chunker_;
  KnownContent& known_;
  SealPool& pool_;
  Assembler& assembler_;

  std::string buffer_;   // of a segment or a small file
  size_t buffered_ = 0;  // bytes of it that wait for a cut
  std::shared_ptr<SealJob> bundle_;
  BundleRule rule_;
  size_t entries_behind_ = 0;
  size_t encoded_behind_ = 0;
  uint64_t read_bytes_ = 0;
};

}  // namespace nightsafe
