#include "common/tree/node.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "nightsafe/v1/format/node.pb.h"

namespace nightsafe {
namespace {

using v1::format::Node;

constexpr uint64_t kMaxSum = std::numeric_limits<int64_t>::max();

absl::Status Refuse(absl::string_view reason) {
  return absl::DataLossError(absl::StrCat("node ", reason));
}

absl::Status AddTo(uint64_t& sum, uint64_t value) {
  if (value > kMaxSum - sum) return Refuse("has sums past 2^63");
  sum += value;
  return absl::OkStatus();
}

absl::Status CheckSize(absl::string_view what, size_t size, size_t limit) {
  if (size == 0) return Refuse(absl::StrCat("without ", what));
  if (size > limit) {
    return Refuse(absl::StrCat("with ", size, " ", what, ", limit ", limit));
  }
  return absl::OkStatus();
}

// The references of a node with their keys and lengths.
class RefList {
 public:
  static absl::StatusOr<RefList> Create(const std::vector<ObjectId>& ids,
                                        const Node& node) {
    RefList list;
    if (node.keys().size() != ids.size() * MessageKey::kSize ||
        static_cast<size_t>(node.plain_lengths_size()) != ids.size()) {
      return Refuse("has a key table that does not match its references");
    }
    ByteView keys = AsBytes(node.keys());
    for (size_t i = 0; i < ids.size(); ++i) {
      if (i > 0 && !(ids[i - 1] < ids[i])) {
        return Refuse("has references that are not sorted and unique");
      }
      const uint32_t length = node.plain_lengths(static_cast<int>(i));
      if (length > kMaxPlainBytes) {
        return Refuse(absl::StrCat("refers to an object of ", length,
                                   " plain bytes, limit ", kMaxPlainBytes));
      }
      list.refs_.push_back({ids[i], MessageKey::FromValidBytes(keys), length});
      keys = keys.subspan(MessageKey::kSize);
    }
    return list;
  }

  // `number` is 1 + an index.
  absl::StatusOr<ObjectRef> At(uint32_t number) const {
    if (number == 0 || number > refs_.size()) {
      return Refuse(
          absl::StrCat("uses reference ", number, " of ", refs_.size()));
    }
    return refs_[number - 1];
  }

 private:
  std::vector<ObjectRef> refs_;
};

absl::StatusOr<Node> ParseNode(absl::string_view plain) {
  if (plain.size() > kMaxNodePlainBytes) {
    return Refuse(absl::StrCat("of ", plain.size(), " bytes, limit ",
                               kMaxNodePlainBytes));
  }
  Node node;
  if (!node.ParseFromArray(plain.data(), static_cast<int>(plain.size()))) {
    return Refuse("does not parse");
  }
  if (node.level() >= kMaxTreeDepth) {
    return Refuse(
        absl::StrCat("of level ", node.level(), ", limit ", kMaxTreeDepth - 1));
  }
  return node;
}

absl::StatusOr<FileExtent> DecodeExtent(const v1::format::Extent& stored,
                                        const RefList& refs) {
  FileExtent extent{.hole = stored.object() == 0, .length = stored.length()};
  if (!extent.hole) {
    NS_ASSIGN_OR_RETURN(extent.object, refs.At(stored.object()));
  }
  if (stored.offset() > kMaxPlainBytes) {
    return Refuse(absl::StrCat("has an extent at ", stored.offset(), ", limit ",
                               kMaxPlainBytes));
  }
  extent.offset = static_cast<uint32_t>(stored.offset());
  NS_RETURN_IF_ERROR(CheckExtent(extent));
  return extent;
}

absl::Status DecodeExtents(const v1::format::Extents& stored,
                           const RefList& refs, TreeEntry& entry) {
  const bool inline_extents = stored.inline__size() != 0;
  const bool subtree = stored.subtree() != 0;
  if ((inline_extents || subtree) && !HasContent(entry.entry)) {
    return Refuse("has extents for an entry without content");
  }
  if (inline_extents && subtree) {
    return Refuse("has both extents and a subtree for one entry");
  }
  if (static_cast<size_t>(stored.inline__size()) > kMaxInlineExtents) {
    return Refuse(absl::StrCat("with ", stored.inline__size(),
                               " extents in an entry, limit ",
                               kMaxInlineExtents));
  }
  for (const v1::format::Extent& extent : stored.inline_()) {
    NS_ASSIGN_OR_RETURN(FileExtent decoded, DecodeExtent(extent, refs));
    entry.extents.push_back(decoded);
  }
  if (subtree) {
    NS_ASSIGN_OR_RETURN(entry.subtree, refs.At(stored.subtree()));
  }
  return absl::OkStatus();
}

absl::Status DecodeRun(const v1::format::DirectoryRun& run, const RefList& refs,
                       TreeNode& out) {
  if (run.entries_size() == 0 || run.extents_size() != run.entries_size()) {
    return Refuse("has a directory run without entries or with other extents");
  }
  if (!IsValidDirectory(run.path())) {
    return Refuse("has an impossible directory path");
  }
  if (!out.entries.empty() &&
      ComparePaths(out.entries.back().key.directory, run.path()) >= 0) {
    return Refuse("has directories out of order");
  }
  NS_RETURN_IF_ERROR(CheckSize(
      "entries", out.entries.size() + static_cast<size_t>(run.entries_size()),
      kMaxNodeEntries));
  for (int i = 0; i < run.entries_size(); ++i) {
    TreeEntry entry;
    entry.entry_bytes = run.entries(i);
    if (!entry.entry.ParseFromString(entry.entry_bytes)) {
      return Refuse("has an entry that does not parse");
    }
    NS_RETURN_IF_ERROR(CheckEntry(entry.entry));
    if (!IsValidPathKey(run.path(), entry.entry.name())) {
      return Refuse("has an entry with an impossible name");
    }
    if (i > 0 && !(out.entries.back().key.name < entry.entry.name())) {
      return Refuse("has entries out of order");
    }
    entry.key = {run.path(), entry.entry.name()};
    NS_RETURN_IF_ERROR(DecodeExtents(run.extents(i), refs, entry));
    NS_RETURN_IF_ERROR(AddTo(out.file_bytes, FileBytes(entry.entry)));
    out.entries.push_back(std::move(entry));
  }
  return absl::OkStatus();
}

absl::Status DecodeChild(const v1::format::Child& stored, const RefList& refs,
                         TreeNode& out) {
  TreeChild child{.first = {stored.first_path(), stored.first_name()},
                  .entries = stored.entries(),
                  .file_bytes = stored.file_bytes()};
  NS_ASSIGN_OR_RETURN(child.ref, refs.At(stored.object()));
  if (!IsValidPathKey(child.first.directory, child.first.name)) {
    return Refuse("has a child with an impossible path");
  }
  if (!out.children.empty() && !(out.children.back().first < child.first)) {
    return Refuse("has children out of order");
  }
  if (child.entries == 0) return Refuse("has a child without entries");
  NS_RETURN_IF_ERROR(AddTo(out.entry_count, child.entries));
  NS_RETURN_IF_ERROR(AddTo(out.file_bytes, child.file_bytes));
  out.children.push_back(std::move(child));
  return absl::OkStatus();
}

absl::Status CheckFetched(const FetchedNode& fetched, const ObjectRef& ref) {
  if (fetched.plain.size() == ref.plain_length) return absl::OkStatus();
  return Refuse(absl::StrCat(ref.id.Hex(), " of ", fetched.plain.size(),
                             " bytes, ", ref.plain_length, " expected"));
}

}  // namespace

absl::StatusOr<TreeNode> DecodeTreeNode(const FetchedNode& fetched) {
  NS_ASSIGN_OR_RETURN(const Node node, ParseNode(fetched.plain));
  NS_ASSIGN_OR_RETURN(const RefList refs, RefList::Create(fetched.refs, node));
  TreeNode out{.level = node.level()};
  if (node.content_case() == Node::kLeaf && out.level == 0) {
    for (const v1::format::DirectoryRun& run : node.leaf().runs()) {
      NS_RETURN_IF_ERROR(DecodeRun(run, refs, out));
    }
    out.entry_count = out.entries.size();
  } else if (node.content_case() == Node::kInner && out.level > 0) {
    NS_RETURN_IF_ERROR(
        CheckSize("children", static_cast<size_t>(node.inner().children_size()),
                  kMaxNodeEntries));
    for (const v1::format::Child& child : node.inner().children()) {
      NS_RETURN_IF_ERROR(DecodeChild(child, refs, out));
    }
  } else {
    return Refuse(absl::StrCat("of level ", out.level,
                               " without the content of that level"));
  }
  NS_RETURN_IF_ERROR(CheckSize("entries", out.size(), kMaxNodeEntries));
  return out;
}

absl::StatusOr<ExtentTreeNode> DecodeExtentNode(const FetchedNode& fetched) {
  NS_ASSIGN_OR_RETURN(const Node node, ParseNode(fetched.plain));
  NS_ASSIGN_OR_RETURN(const RefList refs, RefList::Create(fetched.refs, node));
  if (node.content_case() != Node::kExtents) {
    return Refuse("without extents where a file's extents should be");
  }
  const v1::format::ExtentNode& stored = node.extents();
  ExtentTreeNode out{.level = node.level()};
  if (out.level == 0 ? stored.children_size() != 0
                     : stored.extents_size() != 0) {
    return Refuse(absl::StrCat("of extents has both kinds of content at level ",
                               out.level));
  }
  const int size = stored.extents_size() + stored.children_size();
  NS_RETURN_IF_ERROR(
      CheckSize("extents", static_cast<size_t>(size), kMaxExtentsPerNode));
  for (const v1::format::Extent& extent : stored.extents()) {
    NS_ASSIGN_OR_RETURN(FileExtent decoded, DecodeExtent(extent, refs));
    NS_RETURN_IF_ERROR(AddTo(out.length, decoded.length));
    out.extents.push_back(decoded);
  }
  for (const v1::format::ExtentChild& child : stored.children()) {
    NS_ASSIGN_OR_RETURN(const ObjectRef ref, refs.At(child.object()));
    if (child.length() == 0) return Refuse("has a child without bytes");
    NS_RETURN_IF_ERROR(AddTo(out.length, child.length()));
    out.children.push_back({ref, child.length()});
  }
  return out;
}

absl::StatusOr<TreeNode> FetchTreeNode(const NodeFetch& fetch,
                                       const ObjectRef& ref) {
  NS_ASSIGN_OR_RETURN(const FetchedNode fetched, fetch(ref));
  NS_RETURN_IF_ERROR(CheckFetched(fetched, ref));
  return DecodeTreeNode(fetched);
}

absl::StatusOr<ExtentTreeNode> FetchExtentNode(const NodeFetch& fetch,
                                               const ObjectRef& ref) {
  NS_ASSIGN_OR_RETURN(const FetchedNode fetched, fetch(ref));
  NS_RETURN_IF_ERROR(CheckFetched(fetched, ref));
  return DecodeExtentNode(fetched);
}

}  // namespace nightsafe
