#include "common/base/names.h"

#include <gtest/gtest.h>

#include <string>

namespace nightsafe {
namespace {

TEST(Names, AcceptsTheAlphabet) {
  EXPECT_TRUE(ValidateName("host", "web1.example-net_2").ok());
  EXPECT_TRUE(ValidateName("host", std::string(63, 'a')).ok());
}

TEST(Names, RefusesWhatCouldBeAPathOrALabel) {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"),
        std::string("Web"), std::string("a b"), std::string("a\0b", 3),
        std::string("-a"), std::string(64, 'a'), std::string("\xc3\xa9")}) {
    EXPECT_FALSE(ValidateName("host", name).ok()) << name;
  }
}

TEST(Names, KeyedNamesMayHaveCapitals) {
  EXPECT_TRUE(ValidateKeyedName("000000010000000A000000FF").ok());
  EXPECT_FALSE(ValidateKeyedName("../x").ok());
}

}  // namespace
}  // namespace nightsafe
