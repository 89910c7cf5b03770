#include "api/text_form.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace purser::api {
namespace {

struct FormCase {
  std::string name;
  TextForm form;
  std::vector<std::string> fine, refused;
};

TEST(TextFormTest, Forms) {
  const std::string long_label(63, 'a'), longer_label(64, 'a');
  const std::vector<FormCase> cases = {
      {"AgentName",
       &AgentName,
       {"a", "Research Agent", "a:b/c@d", "日本", std::string(128, 'x')},
       {"", " a", "a ", "a\tb", "\n", std::string(129, 'x'), "a\x7f"}},
      {"DnsSubdomain",
       &DnsSubdomain,
       {"a", "a-b.c-1", std::string(253, 'a')},
       {"", "A", "-a", "a-", "a..b", ".a", "a.", "a_b", std::string(254, 'a')}},
      {"DnsLabel", &DnsLabel, {"a", long_label}, {"", "a.b", "A", longer_label}},
      {"PoolName", &PoolName, {"*", "research"}, {"", "**", "Research"}},
      {"ConfigMapKey", &ConfigMapKey, {"limits.json", "A_b-c"}, {"", ".", "..", "a/b", "a b"}},
      {"TimeZoneName",
       &TimeZoneName,
       {"UTC", "America/New_York", "America/Argentina/Buenos_Aires", "Etc/GMT+5"},
       {"", "New York", "/UTC", "UTC/", "a//b", "a/b/c/d", "../etc/passwd", "5h",
        std::string(65, 'a')}},
      {"ApiVersionName",
       &ApiVersionName,
       {"v1", "apps/v1", "keda.sh/v1alpha1"},
       {"", "/v1", "apps/", "a/b/c", "V1"}},
      {"KindName",
       &KindName,
       {"Deployment", "X1"},
       {"", "deployment", "A-B", std::string(64, 'A')}},
      {"FilePath", &FilePath, {"/a/b", "relative"}, {"", "a\nb", std::string(4097, 'a')}},
      {"HostAndPort",
       &HostAndPort,
       {"0.0.0.0:8080", ":8080", "[::]:8080", "127.0.0.1:0", ":65535", "[fe80::1%eth0]:1"},
       {"", "8080", "host", "host:", "host:x", ":65536", ":080808", "localhost:8080", "1.2.3:80",
        "10.0.0.300:80", "[1.2.3.4]:80", "[::]", "[]:80", "[::", "[g^]:80", "a b:80", "::1:80"}},
      {"HttpUrl",
       &HttpUrl,
       {"http://prometheus:9090", "https://h", "https://h/prefix/", "http://10.0.0.1",
        "http://h:65535/%7B"},
       {"",
        "prometheus:9090",
        "ftp://h",
        "http://",
        "http:///x",
        "http://u:p@h",
        "http://u@h/x",
        "http://h?x=1",
        "http://h#f",
        "http://h:99999",
        "http://h:0",
        "http://h:",
        "http://[::1]:9090/x",
        "http://10.0.0.300:9090",
        "http://1.2.3",
        "http://-h",
        "http://h..i",
        "http://h/{x}",
        "http://h/%2",
        "http://h x",
        "http://h\n",
        "HTTP://h"}},
      {"MetricSelector",
       &MetricSelector,
       {"agent_cost_usd_total", "a:b", R"(m{team="x"})", R"({__name__="m"})",
        R"(m{a="}",b='{',c=`\`})", R"(m{a="\"}"})", "m{}"},
       {"", "{}", "1m", "sum(m)", "m[5m]", "m + n", "m{", "m}", R"(m{a="x)", R"(m{a="x"}[5m])",
        "m{a{b}}", "m{f(x)}", "rate(m{a=\"b\"}[5m])"}},
      {"LabelName", &LabelName, {"agent", "_x", "A9"}, {"", "9a", "a-b", "a.b"}},
      {"HeaderName",
       &HeaderName,
       {"X-Scope-OrgID"},
       {"", "a b", "a:b", "Authorization", "authorization", "Host", "Content-Length", "Cookie"}},
      {"HeaderValue",
       &HeaderValue,
       {"x", "a b"},
       {"", "a\r\nX: y", "\x80", std::string(1025, 'a')}},
  };
  for (const auto& c : cases) {
    for (const auto& text : c.fine) EXPECT_EQ(c.form(text), "") << c.name << ": " << text;
    for (const auto& text : c.refused) EXPECT_NE(c.form(text), "") << c.name << ": " << text;
  }
  EXPECT_EQ(AnyText(std::string(32'768, 'x')), "");
  EXPECT_NE(AnyText(std::string(32'769, 'x')), "");
}

TEST(TextFormTest, Durations) {
  struct Case {
    std::string text;
    std::optional<std::int64_t> want_ms;
  };
  const std::vector<Case> cases = {
      {"15s", 15'000},
      {"500ms", 500},
      {"24h", 86'400'000},
      {"1h30m", 5'400'000},
      {"0s", 0},
      {"1h1m1s1ms", 3'661'001},
      {"2m500ms", 120'500},
      {"", std::nullopt},
      {"15", std::nullopt},
      {"s", std::nullopt},
      {"1.5h", std::nullopt},
      {"-1s", std::nullopt},
      {"1d", std::nullopt},
      {"1m1h", std::nullopt},
      {"1s1s", std::nullopt},
      {"1 s", std::nullopt},
      {"9999999999h", std::nullopt},
      {"1S", std::nullopt},
      {"999999999h", 999'999'999LL * 3'600'000},
  };
  for (const auto& c : cases) {
    const auto got = ParseDuration(c.text);
    ASSERT_EQ(got.has_value(), c.want_ms.has_value()) << c.text;
    if (got) {
      EXPECT_EQ(got->count(), *c.want_ms) << c.text;
    }
  }
}

TEST(TextFormTest, QuotedIsShortAndPrintable) {
  EXPECT_EQ(Quoted("a\nb"), "\"a?b\"");
  EXPECT_EQ(Quoted(std::string(100, 'x')), "\"" + std::string(60, 'x') + "...\"");
}

}  // namespace
}  // namespace purser::api
