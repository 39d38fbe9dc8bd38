// A small tree of files that changes, and what a snapshot of it must hold.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/agent/index_reader.h"
#include "tests/support/whole_snapshot.h"

namespace nightsafe {

// By path below the root ("" itself): type, mode, owner, time, target, xattrs,
// content, and the first name of the inode.
using Picture = std::map<std::string, std::string>;

// How two pictures differ, in words; empty: not at all.
std::string DifferenceOf(const Picture& is, const Picture& should_be);

// What a snapshot of `root` would bring back.
Picture PictureOf(const WholeSnapshot& snapshot);

class SourceTree {
 public:
  // Makes `root` with some entries of every kind.
  SourceTree(std::string root, uint64_t seed);

  const std::string& root() const { return root_; }
  Picture Take() const;
  // A few changes. One of them always is a file whose content changes under the
  // same size and modification time, as an index that lies would not notice.
  void Change();

 private:
  std::string RandomFile();
  std::string NewName();
  std::string RandomBytes();
  void Write(const std::string& path, const std::string& content);
  void RewriteInPlace(const std::string& path);
  void ChangeOne();

  const std::string root_;
  std::mt19937_64 random_;
  uint64_t names_ = 0;
};

}  // namespace nightsafe
