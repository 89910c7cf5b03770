#include "net/proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace purser::net {
namespace {

using Variables = std::map<std::string, std::string>;

Result<ProxyRules> Rules(const Variables& variables) {
  return ProxyRules::FromEnvironment([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

std::string ProxyOf(const Variables& variables, const char* url) {
  const auto rules = Rules(variables);
  if (!rules) return "error";
  const auto proxy = rules->For(*ParseUrl(url));
  return proxy ? proxy->url.Origin() : "none";
}

TEST(ProxyTest, ChoosesByScheme) {
  const Variables both{{"HTTPS_PROXY", "http://secure:3128"}, {"HTTP_PROXY", "plain:3129"}};
  EXPECT_EQ(ProxyOf(both, "https://api.example.com"), "http://secure:3128");
  EXPECT_EQ(ProxyOf(both, "http://api.example.com"), "http://plain:3129");
  EXPECT_EQ(ProxyOf({}, "http://api.example.com"), "none");
  EXPECT_EQ(
      ProxyOf({{"https_proxy", "http://lower"}, {"HTTPS_PROXY", "http://upper"}}, "https://a"),
      "http://lower:80");
  EXPECT_EQ(ProxyOf({{"HTTP_PROXY", "http://evil"}, {"REQUEST_METHOD", "GET"}}, "http://a"),
            "none");
}

TEST(ProxyTest, HonoursExclusions) {
  const struct {
    const char* no_proxy;
    const char* url;
    bool proxied;
  } cases[] = {
      {"", "https://a.example.com", true},
      {"", "https://localhost:6443", false},
      {"", "https://127.0.0.1:6443", false},
      {"", "https://127.8.0.1", false},
      {"*", "https://a", false},
      {"example.com", "https://example.com", false},
      {"example.com", "https://a.example.com", false},
      {"example.com", "https://notexample.com", true},
      {".example.com", "https://a.example.com", false},
      {".example.com", "https://example.com", true},
      {"*.example.com", "https://a.example.com", false},
      {"Example.COM", "https://a.example.com", false},
      {" x , example.com ", "https://a.example.com", false},
      {"10.96.0.0/12", "https://10.100.0.1:443", false},
      {"10.96.0.0/12", "https://10.112.0.1:443", true},
      {"0.0.0.0/0", "https://10.112.0.1", false},
      {"10.0.0.0/33", "https://10.0.0.0", true},
      {"10.0.0.0/x", "https://10.0.0.0", true},
      {"10.0.0.1", "https://10.0.0.1", false},
      {"0.0.1", "https://10.0.0.1", true},
      {"a:6443", "https://a:6443", false},
      {"a:6443", "https://a", true},
      {",,", "https://a", true},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ProxyOf({{"HTTPS_PROXY", "http://p"}, {"NO_PROXY", c.no_proxy}}, c.url) != "none",
              c.proxied)
        << c.no_proxy << " " << c.url;
  }
}

TEST(ProxyTest, ReadsCredentials) {
  const auto proxy = ParseProxy("http://me:p%40ss@proxy:8080/");
  ASSERT_TRUE(proxy.ok());
  EXPECT_EQ(proxy->user, "me");
  EXPECT_EQ(proxy->password, "p@ss");
  EXPECT_EQ(proxy->url.Origin(), "http://proxy:8080");
}

TEST(ProxyTest, RefusesWhatItCannotUse) {
  for (const char* text :
       {"https://proxy", "socks5://proxy", "", "http://", "http://a:hunter2%@proxy",
        "http://a:hunter2@pro xy", "http://proxy/path"}) {
    const auto proxy = ParseProxy(text);
    ASSERT_FALSE(proxy.ok()) << text;
    EXPECT_THAT(proxy.error().message(), testing::Not(testing::HasSubstr("hunter2")));
  }
  const auto rules = Rules({{"HTTPS_PROXY", "socks5://x"}});
  ASSERT_FALSE(rules.ok());
  EXPECT_THAT(rules.error().message(), testing::HasSubstr("HTTPS_PROXY"));
}

}  // namespace
}  // namespace purser::net
