// A journal made from the input, in up to four segments, of which some bytes
// are changed, or a segment is lost, doubled or another journal's: what is read
// is a beginning of what was written, and without a change all of it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "server/journal/journal_reader.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/memory_file_system.h"

namespace nightsafe {
namespace {

class Journal {
 public:
  Journal() { chain_ = JournalGenesis(identity_.kind, identity_.owner); }

  void BeginSegment() {
    const uint64_t length =
        segments_.empty() ? 0 : segments_.back().bytes.size();
    Segment& segment = segments_.emplace_back();
    segment.bytes =
        EncodeSegmentHeader({.kind = identity_.kind,
                             .owner = identity_.owner,
                             .number = static_cast<uint32_t>(segments_.size()),
                             .previous_length = length,
                             .previous_chain = chain_,
                             .first_sequence = records_.size()});
    segment.seed = SegmentSeed(AsBytes(segment.bytes));
  }
  void Append(const std::vector<std::string>& records) {
    Segment& segment = segments_.back();
    const auto begin = static_cast<uint32_t>(segment.bytes.size());
    for (const std::string& record : records) {
      chain_ = NextChain(chain_, HashOf(AsBytes(record)));
      EncodeJournalRecord(AsBytes(record), segment.seed, begin, chain_,
                          segment.bytes);
      records_.push_back(record);
    }
  }
  std::string& Bytes(size_t segment) {
    return segments_[segment % segments_.size()].bytes;
  }
  // Puts a copy of one segment in the place of another; loses it if they are
  // the same.
  void Copy(size_t from, size_t to) {
    from %= segments_.size();
    to %= segments_.size();
    if (from != to) {
      segments_[to] = segments_[from];
    } else {
      segments_[to].lost = true;
    }
  }
  void ReadAs(const JournalOwner& owner) { read_as_.owner = owner; }
  // Unwritten space, as the writer allocates it.
  void Allocate(size_t bytes) { segments_.back().bytes.append(bytes, '\0'); }

  void Check(bool changed) const {
    MemoryFileSystem fs;
    fs.Add("journal/1.seg", "");  // no segment: its name is another
    for (size_t i = 0; i < segments_.size(); ++i) {
      if (segments_[i].lost) continue;
      fs.Add("journal/" + SegmentFileName(static_cast<uint32_t>(i + 1)),
             segments_[i].bytes);
    }
    size_t taken = 0;
    const auto contents =
        ReadJournal(fs, "journal", read_as_,
                    [&](ByteView record, const JournalPosition& end) {
                      NS_CHECK(taken < records_.size());
                      NS_CHECK(AsText(record) == records_[taken]);
                      ++taken;
                      NS_CHECK(end.sequence == taken);
                      return absl::OkStatus();
                    });
    NS_CHECK(contents.ok() || absl::IsDataLoss(contents.status()) ||
             (changed && absl::IsNotFound(contents.status())));
    if (contents.ok()) NS_CHECK(contents->end.sequence == taken);
    if (changed) return;
    NS_CHECK(contents.ok() && !contents->torn_tail);
    NS_CHECK(taken == records_.size() && contents->chain == chain_);
    const auto identity = PeekJournalIdentity(fs, "journal");
    NS_CHECK(identity.ok() && identity->owner == identity_.owner);
  }

 private:
  struct Segment {
    std::string bytes;
    uint32_t seed = 0;
    bool lost = false;
  };
  const JournalIdentity identity_{.kind = JournalKind::kVault};
  JournalIdentity read_as_ = identity_;
  std::vector<Segment> segments_;
  std::vector<std::string> records_;
  Hash32 chain_{};
};

void Build(FuzzInput& input, Journal& journal) {
  journal.BeginSegment();
  for (size_t segments = 1, left = input.Below(16); left > 0; --left) {
    if (segments < 4 && input.Below(4) == 0) {
      ++segments;
      journal.BeginSegment();
    }
    std::vector<std::string> records(1 + input.Below(4));
    for (std::string& record : records) {
      record = input.Text();
      if (record.empty()) record = "r";
    }
    journal.Append(records);
  }
  if (input.Flag()) journal.Allocate(input.Number(2));
}

// One change at a time; returns whether there was any.
bool Damage(FuzzInput& input, Journal& journal) {
  bool changed = false;
  while (!input.done()) {
    std::string& bytes = journal.Bytes(input.Number());
    const size_t at = input.Number(2) % bytes.size();
    const size_t length =
        std::min<size_t>(1 + input.Number(), bytes.size() - at);
    const std::string before = bytes;
    switch (input.Below(6)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << input.Below(8)));
        break;
      case 1:
        bytes.replace(at, length, std::string(length, '\0'));
        break;
      case 2:
        bytes.resize(at + 1);
        break;
      case 3:
        bytes += input.Text();
        break;
      case 4:
        journal.Copy(input.Number(), input.Number());
        return true;
      default:
        journal.ReadAs(input.Fixed<JournalOwner>());
        return true;
    }
    changed |= bytes != before;
  }
  return changed;
}

}  // namespace
}  // namespace nightsafe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nightsafe;
  FuzzInput input(data, size);
  Journal journal;
  Build(input, journal);
  journal.Check(Damage(input, journal));
  return 0;
}
