#include "common/crypto/blake3.h"

#include <gtest/gtest.h>

#include <string>

namespace nightsafe {
namespace {

std::string Hex(const Hash32& hash) { return HexEncode(hash); }

// The input of the official vectors: 0, 1, ... 250, 0, 1, ...
std::string Input(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i % 251);
  return bytes;
}

KeyView VectorKey() {
  return AsBytes("whats the Elvish word for friend").first<32>();
}

constexpr absl::string_view kVectorContext =
    "BLAKE3 2019-12-27 16:29:52 test vectors context";

// test_vectors/test_vectors.json of the BLAKE3 team: first 32 bytes of each.
constexpr struct {
  size_t size;
  absl::string_view hash;
  absl::string_view keyed_hash;
  absl::string_view derive_key;
} kVectors[] = {
    {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
     "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26",
     "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d"},
    {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
     "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b",
     "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c"},
    {1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
     "c951ecdf03288d0fcc96ee3413563d8a6d3589547f2c2fb36d9786470f1b9d6e",
     "74a16c1c3d44368a86e1ca6df64be6a2f64cce8f09220787450722d85725dea5"},
    {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
     "75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4",
     "7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a689684302706"},
    {1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
     "357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69",
     "effaa245f065fbf82ac186839a249707c3bddf6d3fdda22d1b95a3c970379bcb"},
    {4097, "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995",
     "00df940cd36bb9fa7cbbc3556744e0dbc8191401afe70520ba292ee3ca80abbc",
     "aca51029626b55fda7117b42a7c211f8c6e9ba4fe5b7a8ca922f34299500ead8"},
};

TEST(Blake3, FollowsTheOfficialVectors) {
  for (const auto& vector : kVectors) {
    const std::string input = Input(vector.size);
    EXPECT_EQ(Hex(HashOf(AsBytes(input))), vector.hash);
    EXPECT_EQ(Hex(KeyedHashOf(VectorKey(), AsBytes(input))), vector.keyed_hash);
    EXPECT_EQ(
        Hex(Blake3::DeriveKey(kVectorContext).Update(AsBytes(input)).Finish()),
        vector.derive_key);
  }
}

TEST(Blake3, IsTheSameInPieces) {
  const std::string input = Input(4097);
  for (size_t piece : {1, 63, 64, 1024, 1500}) {
    Blake3 plain;
    Blake3 keyed(VectorKey());
    for (size_t at = 0; at < input.size(); at += piece) {
      plain.Update(AsBytes(input.substr(at, piece)));
      keyed.Update(AsBytes(input.substr(at, piece)));
    }
    EXPECT_EQ(plain.Finish(), HashOf(AsBytes(input)));
    EXPECT_EQ(keyed.Finish(), KeyedHashOf(VectorKey(), AsBytes(input)));
  }
}

TEST(Blake3, GoesOnAfterFinishing) {
  Blake3 hash;
  EXPECT_EQ(hash.Update(AsBytes("a")).Finish(), HashOf(AsBytes("a")));
  EXPECT_EQ(hash.Update(AsBytes("b")).Finish(), HashOf(AsBytes("ab")));
}

TEST(DeriveHash, PutsALengthBeforeEachPart) {
  const std::string flat("\1\0\0\0a\2\0\0\0bc\0\0\0\0", 15);
  EXPECT_EQ(DeriveHash("context", {AsBytes("a"), AsBytes("bc"), {}}),
            Blake3::DeriveKey("context").Update(AsBytes(flat)).Finish());
}

TEST(DeriveHash, KeepsPartsAndContextsApart) {
  const Hash32 hash = DeriveHash("context", {AsBytes("ab"), AsBytes("c")});
  EXPECT_NE(hash, DeriveHash("context", {AsBytes("a"), AsBytes("bc")}));
  EXPECT_NE(hash, DeriveHash("context", {AsBytes("abc")}));
  EXPECT_NE(hash, DeriveHash("context", {AsBytes("ab"), AsBytes("c"), {}}));
  EXPECT_NE(hash, DeriveHash("contexT", {AsBytes("ab"), AsBytes("c")}));
}

}  // namespace
}  // namespace nightsafe
