// First byte even: the rest is an agent's index but for magic, identity and
// checksum, which are put right: whatever it says, lookups stay inside the
// file. Odd: the rest says what to write; all of it is read back.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/agent/index_reader.h"
#include "client/agent/index_writer.h"
#include "common/base/check.h"
#include "common/crypto/blake3.h"
#include "common/tree/path_key.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/memory_file_system.h"
#include "tests/support/domain_fixture.h"

namespace nightsafe {
namespace {

constexpr double kLeastLive = 0.5;

struct Context {
  MemoryFileSystem fs;
  const DomainKeys keys = TestDomainKeys();
  const IndexIdentity identity{};
  const SnapshotId snapshot{};

  auto Open() {
    return IndexReader::Open(fs, "index", identity, keys, snapshot);
  }
};

// Reads all that there is to read; returns the entries.
size_t ReadAll(IndexReader& index) {
  size_t count = 0;
  IndexCursor cursor(index);
  while (const StoredEntry* entry = cursor.Next()) {
    ++count;
    index.Usable(*entry, kLeastLive);
    const auto extents = index.Extents(*entry);
    if (!extents.ok()) continue;
    NS_CHECK(extents->size() * kIndexExtentBytes == entry->extents.size());
    for (const IndexedExtent& extent : *extents) {
      const auto found = index.Find(extent.fingerprint, kLeastLive);
      if (found) NS_CHECK(!found->hole);
    }
    IndexCursor again(index);
    again.Find(entry->entry.directory, entry->entry.name);
  }
  index.Exclude(index.Nodes());
  return count;
}

void ReadAnything(Context& context, FuzzInput& input) {
  std::string bytes(kIndexMagic);
  AppendBytes(context.identity.view(), bytes);
  const bool own_header = input.Flag();
  if (own_header) bytes.clear();
  // The footer's ends, given as small numbers.
  const bool own_footer = input.Flag();
  std::string footer(context.snapshot.text());
  if (!own_footer) {
    uint64_t end = kIndexHeaderBytes;
    for (int i = 0; i < 4; ++i) PutU64(end += input.Number(2), footer);
  }
  AppendBytes(input.Rest(), bytes);
  if (!own_footer) bytes += footer;
  AppendBytes(KeyedHashOf(IndexMacKey(context.keys).view(), AsBytes(bytes)),
              bytes);
  context.fs.Add("index", bytes);
  const auto index = context.Open();
  if (index.ok()) {
    ReadAll(**index);
  } else {
    NS_CHECK(absl::IsDataLoss(index.status()));
  }
}

struct Written {
  std::string directory, name, entry;
  FileStamp stamp;
  int64_t read_at = 0;
  uint64_t link_group = 0;
  std::vector<IndexedExtent> extents;
};

IndexedExtent ExtentFrom(FuzzInput& input) {
  IndexedExtent made;
  made.extent.hole = input.Below(4) == 0;
  made.extent.length = 1 + input.Number(2);
  if (made.extent.hole) return made;
  made.extent.object.id.bytes[0] = std::byte{1};
  made.extent.object.id.bytes[1] = static_cast<std::byte>(input.Below(4));
  made.extent.object.plain_length = 4096;
  made.extent.offset = static_cast<uint32_t>(input.Number(2));
  made.fingerprint.bytes[7] = static_cast<std::byte>(input.Below(4));
  made.fingerprint.bytes[31] = static_cast<std::byte>(input.Number());
  return made;
}

std::vector<Written> EntriesFrom(FuzzInput& input) {
  std::vector<Written> entries;
  while (!input.done() && entries.size() < 32) {
    Written& made = entries.emplace_back();
    made.directory = absl::StrCat("/", entries.size() / 4);
    made.name = absl::StrCat("n", entries.size() + 100, input.Text());
    made.entry = input.Text();
    made.stamp = {input.Number(8),
                  input.Number(8),
                  static_cast<int64_t>(input.Number(8)),
                  static_cast<uint32_t>(input.Number(4)),
                  static_cast<int64_t>(input.Number(8)),
                  static_cast<uint32_t>(input.Number(4))};
    made.read_at = static_cast<int64_t>(input.Number(8));
    made.link_group = input.Number(8);
    for (size_t left = input.Below(5); left > 0; --left) {
      made.extents.push_back(ExtentFrom(input));
    }
  }
  return entries;
}

void CheckEntry(const IndexReader& index, const StoredEntry* stored,
                const Written& entry) {
  NS_CHECK(stored != nullptr);
  NS_CHECK(stored->entry.directory == entry.directory);
  NS_CHECK(stored->entry.name == entry.name);
  NS_CHECK(stored->entry.entry == entry.entry);
  NS_CHECK(stored->entry.stamp == entry.stamp);
  NS_CHECK(stored->entry.read_at == entry.read_at);
  NS_CHECK(stored->entry.link_group == entry.link_group);
  const auto extents = index.Extents(*stored);
  NS_CHECK(extents.ok() && extents->size() == entry.extents.size());
  for (size_t i = 0; i < extents->size(); ++i) {
    const IndexedExtent& wrote = entry.extents[i];
    NS_CHECK((*extents)[i].extent == wrote.extent);
    NS_CHECK((*extents)[i].fingerprint == wrote.fingerprint);
    const auto found = index.Find(wrote.fingerprint, 0);
    if (!wrote.extent.hole) NS_CHECK(found.has_value());
  }
}

void WriteAndRead(Context& context, FuzzInput& input) {
  const std::vector<Written> entries = EntriesFrom(input);
  IndexWriter writer(context.fs, "index", context.identity, context.keys);
  for (const Written& entry : entries) {
    writer.Add({entry.directory, entry.name, entry.entry, entry.stamp,
                entry.read_at, entry.link_group},
               entry.extents);
  }
  writer.AddNode(ObjectId{});
  NS_CHECK(writer.Finish(context.snapshot).ok());
  const auto index = context.Open();
  NS_CHECK(index.ok());
  IndexCursor in_order(**index);
  IndexCursor by_key(**index);
  for (const Written& entry : entries) {
    CheckEntry(**index, in_order.Next(), entry);
    CheckEntry(**index, by_key.Find(entry.directory, entry.name), entry);
  }
  NS_CHECK(in_order.Next() == nullptr);
  NS_CHECK((*index)->Nodes().size() == 1);
  NS_CHECK(ReadAll(**index) == entries.size());
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  static Context& context = *new Context;
  FuzzInput input(data, size);
  if (input.Flag()) {
    WriteAndRead(context, input);
  } else {
    ReadAnything(context, input);
  }
  return 0;
}
