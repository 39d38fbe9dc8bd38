// server/pack/FORMAT.md and tests/vectors/pack against the code.
#include "tests/support/source_files.h"
#include "tests/unit/server/pack/pack_test_base.h"

namespace nightsafe {
namespace {

using PackVectors = PackTest;

TEST_F(PackVectors, WorkedExampleIsWhatTheCodeSays) {
  auto example = ReadFormatExample("server/pack/FORMAT.md");
  const PackIdentity identity =
      DecodePackHeader(AsBytes(example["header"])).value();
  EXPECT_EQ(identity.pack_class, PackClass::kNode);
  EXPECT_EQ(EncodePackHeader(identity), example["header"]);
  const PackEntry entry = DecodeRecordHeader(identity.marker, kPackHeaderBytes,
                                             AsBytes(example["record"]))
                              .value();
  EXPECT_EQ(example["record"].substr(kPackRecordHeaderBytes),
            "not really an object");
  std::string header;
  EncodeRecordHeader(identity.marker, entry, header);
  EXPECT_EQ(header, example["record"].substr(0, kPackRecordHeaderBytes));
  const Toc toc = DecodeToc(AsBytes(example["toc"])).value();
  EXPECT_EQ(toc.entries, std::vector{entry});
  EXPECT_EQ(EncodeToc(toc), example["toc"]);
}

TEST_F(PackVectors, DamagedPacksGiveWhatTheySaid) {
  auto values = ReadHexFile("tests/vectors/pack/values");
  const auto scan = [&](const std::string& name) {
    SetBytes(values.at(name));
    return ScanAll();
  };
  EXPECT_EQ(scan("whole").result.prefix_length, 161u);
  EXPECT_EQ(scan("object flipped").result.valid_length, kPackHeaderBytes);
  EXPECT_EQ(scan("torn").result.valid_length, kPackHeaderBytes);
  const Scan resync = scan("resync");
  EXPECT_EQ(resync.entries.size(), 2u);
  EXPECT_EQ(resync.result.prefix_length, 161u);
  EXPECT_EQ(resync.result.damaged_bytes, 9u);
  EXPECT_EQ(DecodeToc(AsBytes(values.at("toc")))->pack_length, 161u);
}

}  // namespace
}  // namespace nightsafe
