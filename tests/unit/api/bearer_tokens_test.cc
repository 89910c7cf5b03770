#include "api/bearer_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace purser::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kToken = "0123456789abcdef0123";

std::string ErrorOf(const std::string& yaml) {
  const auto tokens = ParseBearerTokens(yaml, "t.yaml");
  return tokens.ok() ? "" : tokens.error().message();
}

TEST(BearerTokensTest, AreReadWithTheirRights) {
  const auto tokens = ParseBearerTokens(
      "tokens:\n- {name: a, token: 0123456789abcdef0123x, namespaces: [one, two]}\n"
      "- {name: b, token: 0123456789abcdef0123y, namespaces: [one], rights: [agentstops]}\n",
      "t.yaml");
  ASSERT_TRUE(tokens.ok()) << tokens.error().message();
  EXPECT_THAT((*tokens)[0].namespaces, ElementsAre("one", "two"));
  EXPECT_EQ((*tokens)[0].rights.size(), 5U) << "all but stopping";
  EXPECT_THAT((*tokens)[1].rights, ElementsAre("agentstops"));
}

TEST(BearerTokensTest, SaysWhatIsWrongAndQuotesNoToken) {
  const std::string token = kToken;
  EXPECT_THAT(ErrorOf("tokens: [{name: a, token: short, namespaces: [x]}]"),
              testing::AllOf(HasSubstr("tokens[0].token"), HasSubstr("openssl rand")));
  EXPECT_THAT(ErrorOf("tokens: [{name: a, token: x" + token + ", namespaces: []}]"),
              HasSubstr("tokens[0].namespaces"));
  EXPECT_THAT(ErrorOf("tokens: [{name: a, token: x" + token +
                      ", namespaces: [x]}, {name: b, token: x" + token + ", namespaces: [y]}]"),
              testing::AllOf(HasSubstr("tokens[1].token"), Not(HasSubstr(token))));
  EXPECT_THAT(ErrorOf("tokens: [{name: a, token: x" + token + ", namespaces: [x], rights: [all]}]"),
              HasSubstr("rights"));
  EXPECT_NE(ErrorOf(""), "");
  EXPECT_NE(ErrorOf("token: x"), "");
  EXPECT_NE(ErrorOf("["), "");
}

}  // namespace
}  // namespace purser::api
