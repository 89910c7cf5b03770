#include "net/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace purser::net {
namespace {

TEST(UrlTest, Accepts) {
  const struct {
    const char* text;
    const char* origin;
    const char* target;
    bool address;
  } cases[] = {
      {"http://prometheus", "http://prometheus:80", "/", false},
      {"https://Kubernetes.Default.svc", "https://kubernetes.default.svc:443", "/", false},
      {"HTTPS://10.0.0.1:6443/api/v1?limit=500", "https://10.0.0.1:6443", "/api/v1?limit=500",
       true},
      {"http://a?x=%2F", "http://a:80", "/?x=%2F", false},
      {"http://host.:9090/x", "http://host.:9090", "/x", false},
      {"http://1a.2b/x", "http://1a.2b:80", "/x", false},
  };
  for (const auto& c : cases) {
    const auto url = ParseUrl(c.text);
    ASSERT_TRUE(url.ok()) << c.text << ": " << url.error().message();
    EXPECT_EQ(url->Origin(), c.origin);
    EXPECT_EQ(url->target, c.target);
    EXPECT_EQ(url->host_is_address, c.address) << c.text;
  }
}

TEST(UrlTest, Refuses) {
  for (const char* text : {"",
                           "prometheus",
                           "ftp://a",
                           "http://",
                           "http:///x",
                           "http://a:0",
                           "http://a:65536",
                           "http://a:x",
                           "http://a:",
                           "http://a b",
                           "http://a/ b",
                           "http://a/\n",
                           "http://a/%",
                           "http://a/%2",
                           "http://a/%2g",
                           "http://a/#x",
                           "http://[::1]/",
                           "http://256.1.1.1",
                           "http://1.2.3",
                           "http://1",
                           "http://01.2.3.4",
                           "http://-a",
                           "http://a-",
                           "http://a..b",
                           "http://\xc3\xa4",
                           "http://a/\xc3\xa4",
                           "http://a/\"",
                           "http://a/{x}",
                           "http://a/|"}) {
    const auto url = ParseUrl(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_EQ(url.error().code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(ParseUrl("http://a/" + std::string(70000, 'x')).ok());
}

TEST(UrlTest, NeverRepeatsAPassword) {
  const std::string long_path(70000, 'x');
  for (const auto& text :
       {std::string("http://user:hunter2@host/"), std::string("ftp://user:hunter2@host/"),
        std::string("user:hunter2@host"), "http://user:hunter2@host/" + long_path,
        std::string("http://user:hunter2?@host"), std::string("http://user:hunter2/@host |")}) {
    const auto url = ParseUrl(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_THAT(url.error().message(), testing::Not(testing::HasSubstr("hunter2")));
  }
}

TEST(UrlTest, PercentEncodingGoesBothWays) {
  const std::string text("a b/c?d=\xc3\xa4&%", 12);
  EXPECT_EQ(PercentEncode(text), "a%20b%2Fc%3Fd%3D%C3%A4%26%25");
  EXPECT_EQ(*PercentDecode(PercentEncode(text)), text);
  EXPECT_FALSE(PercentDecode("%4").ok());
  EXPECT_FALSE(PercentDecode("%zz").ok());
}

}  // namespace
}  // namespace purser::net
