#include "common/crypto/domain_keys.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/crypto/blake3.h"

namespace nightsafe {
namespace {

Secret32 Filled(uint8_t value) {
  Secret32 secret;
  for (std::byte& b : secret.mutable_view()) b = std::byte{value};
  return secret;
}

std::string Hex(ByteView bytes) { return HexEncode(bytes); }

TEST(DomainSecret, DependsOnVaultDomainAndEpoch) {
  std::set<std::string> seen;
  for (uint8_t vault = 1; vault <= 2; ++vault) {
    for (absl::string_view domain : {"web1", "web2", "web"}) {
      for (uint32_t epoch : {1u, 2u, 256u, 1u << 24}) {
        seen.insert(
            Hex(DeriveDomainSecret(Filled(vault), domain, epoch).view()));
      }
    }
  }
  EXPECT_EQ(seen.size(), 2u * 3 * 4);
}

TEST(DomainKeys, AreAllDifferent) {
  const DomainKeys keys(Filled(1));
  std::set<std::string> prefixes;
  for (ByteView key :
       {ByteView(keys.message_key.view()),
        ByteView(keys.fingerprint_key.view()), ByteView(keys.cut_key.view()),
        ByteView(keys.boundary_key.view())}) {
    prefixes.insert(Hex(key.first(16)));
  }
  EXPECT_EQ(prefixes.size(), 4u);
  const std::set<uint64_t> gear(keys.gear_table.begin(), keys.gear_table.end());
  EXPECT_EQ(gear.size(), 256u);
}

TEST(DomainKeys, AreTheSameEachTime) {
  const DomainKeys a(Filled(1)), b(Filled(1)), c(Filled(2));
  EXPECT_EQ(Hex(a.message_key.view()), Hex(b.message_key.view()));
  EXPECT_EQ(a.gear_table, b.gear_table);
  EXPECT_NE(Hex(a.message_key.view()), Hex(c.message_key.view()));
  EXPECT_NE(a.gear_table, c.gear_table);
  EXPECT_EQ(a.FingerprintOf(AsBytes("x")), b.FingerprintOf(AsBytes("x")));
  EXPECT_NE(a.FingerprintOf(AsBytes("x")), c.FingerprintOf(AsBytes("x")));
}

// A change of any of these values breaks every repository in use.
TEST(DomainKeys, AreFrozen) {
  const Secret32 secret = DeriveDomainSecret(Filled(7), "web1", 1);
  const DomainKeys keys(secret);
  EXPECT_EQ(Hex(secret.view()),
            "8ee34196aa5483ee1257b9590cf9ae37fad5d4881678d7a0085a52406bbe1be0");
  EXPECT_EQ(Hex(keys.message_key.view()),
            "e1291d1f3c351596192dbf4fe0832a59ff2d7a0f8bf2c2b10769dd5a0386af40");
  EXPECT_EQ(Hex(keys.fingerprint_key.view()),
            "2e136c250c5e32adf26802e54b043030485be4e2785466516f40c715b06e9df6");
  EXPECT_EQ(Hex(keys.cut_key.view()), "dbaae0351c6d5644a9628866c4e257b7");
  EXPECT_EQ(Hex(keys.boundary_key.view()), "56fdfdea03ea9016911dce5d26189453");
  EXPECT_EQ(keys.gear_table[0], 10172334258516632594u);
  EXPECT_EQ(keys.gear_table[255], 16965450691430439428u);
}

}  // namespace
}  // namespace nightsafe
