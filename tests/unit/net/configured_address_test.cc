// What the configuration accepts is what the client can connect to and the server can listen on.
#include <gtest/gtest.h>

#include <string>

#include "api/text_form.h"
#include "net/server/http_server.h"
#include "net/url.h"

namespace purser::net {
namespace {

struct Case {
  std::string text;
  bool fine;
};

TEST(ConfiguredAddressTest, UrlsAreThoseOfTheClient) {
  const std::string longest_label(63, 'a');
  const Case cases[] = {
      {"http://prometheus", true},
      {"http://prometheus:9090", true},
      {"https://prometheus.monitoring.svc.cluster.local.:9090/prefix/", true},
      {"http://a_b-c.d", true},
      {"http://1a.2b:1", true},
      {"http://10.0.0.1:65535", true},
      {"http://" + longest_label, true},
      {"http://h/a%7Bb%7D;c=(d)@e", true},
      {"", false},
      {"prometheus:9090", false},
      {"ftp://prometheus", false},
      {"http://", false},
      {"http:///x", false},
      {"http://:9090", false},
      {"http://prometheus:", false},
      {"http://prometheus:0", false},
      {"http://prometheus:00000", false},
      {"http://prometheus:000080", false},
      {"http://prometheus:65536", false},
      {"http://prometheus:+80", false},
      {"http://prometheus:80:80", false},
      {"http://[::1]:9090", false},
      {"http://[::1", false},
      {"http://::1:9090", false},
      {"http://10.0.0.300:9090", false},
      {"http://10.0.0", false},
      {"http://10.0.0.1.1", false},
      {"http://010.0.0.1", false},
      {"http://1", false},
      {"http://-a", false},
      {"http://a-", false},
      {"http://a-.b", false},
      {"http://.a", false},
      {"http://a..b", false},
      {"http://a" + longest_label, false},
      {"http://" + std::string(254, 'a'), false},
      {"http://\xc3\xa4", false},
      {"http://user@h", false},
      {"http://user:word@h", false},
      {"http://h/#x", false},
      {"http://h/a b", false},
      {"http://h/{x}", false},
      {"http://h/%2", false},
      {"http://h/%zz", false},
      {"http://h/\"", false},
      {"http://h/\n", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(api::HttpUrl(c.text).empty(), c.fine) << c.text << ": " << api::HttpUrl(c.text);
    EXPECT_EQ(ParseUrl(c.text).ok(), c.fine) << c.text;
  }
}

// The client takes more than the configuration, never less.
TEST(ConfiguredAddressTest, UrlsOfTheConfigurationHaveNoQuery) {
  for (const char* text : {"http://h?x=1", "HTTP://h"}) {
    EXPECT_FALSE(api::HttpUrl(text).empty()) << text;
    EXPECT_TRUE(ParseUrl(text).ok()) << text;
  }
}

TEST(ConfiguredAddressTest, ListenAddressesAreThoseOfTheServer) {
  const Case cases[] = {
      {"0.0.0.0:0", true},
      {"127.0.0.1:0", true},
      {":0", true},
      {"[::]:0", true},
      {"[::1]:0", true},
      {"[::ffff:127.0.0.1]:0", true},
      {"[fe80::1%lo]:0", true},
      {"192.0.2.1:65535", true},
      {"", false},
      {":", false},
      {"8080", false},
      {"0.0.0.0", false},
      {"0.0.0.0:", false},
      {"0.0.0.0:x", false},
      {"0.0.0.0:65536", false},
      {"0.0.0.0:000080", false},
      {"0.0.0.0:-1", false},
      {"0.0.0.0: 80", false},
      {"localhost:18099", false},
      {"prometheus:80", false},
      {"10.0.0.300:80", false},
      {"010.0.0.1:80", false},
      {"10.0.0:80", false},
      {"::1:80", false},
      {":::80", false},
      {"[]:80", false},
      {"[:80", false},
      {"]:80", false},
      {"[::", false},
      {"[::]", false},
      {"[::]80", false},
      {"[::1]x:80", false},
      {"[127.0.0.1]:80", false},
      {"[::1%]:80", false},
      {"[::1%l o]:80", false},
      {std::string("127.0.0.1\0:80", 13), false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(api::HostAndPort(c.text).empty(), c.fine) << c.text;
    // Whether this machine has the address is another matter.
    const auto server =
        HttpServer::Start(c.text, [](const ServerRequest&) { return ServerResponse{}; });
    const bool understood = server.ok() || server.error().code() == ErrorCode::kUnavailable;
    EXPECT_EQ(understood, c.fine) << c.text << ": "
                                  << (server.ok() ? "" : server.error().message());
  }
}

}  // namespace
}  // namespace purser::net
