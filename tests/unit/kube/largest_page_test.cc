#include "kube/largest_page.h"

#include <gtest/gtest.h>

#include "kube/reflector.h"
#include "unit/kube/fake_transport.h"

namespace purser::kube {
namespace {

TEST(LargestPageTest, OldAndUnknownServersGetSmallPages) {
  EXPECT_EQ(LargestPage(R"({"major":"1","minor":"36"})"), kPageLimit);
  EXPECT_EQ(LargestPage(R"({"major":"1","minor":"33+"})"), kPageLimit);
  EXPECT_EQ(LargestPage(R"({"major":"2","minor":"0"})"), kPageLimit);
  for (const char* version :
       {R"({"major":"1","minor":"32"})", R"({"major":"1","minor":"30-eks-1"})",
        R"({"major":"1","minor":""})", R"({"major":1,"minor":36})", "{}", "[]", "", "forbidden"}) {
    EXPECT_EQ(LargestPage(version), kSmallPage) << version;
  }
}

TEST(LargestPageTest, TheServerIsAskedUntilItAnswers) {
  FakeTransport transport;
  bool down = true;
  transport.on_send = [&](const HttpRequest&) -> Result<HttpResponse> {
    if (down) return Error(ErrorCode::kUnavailable, "down");
    return Respond(200, R"({"major":"1","minor":"36"})");
  };
  Client client(transport, {"http://api:80", "default", {}, "", nullptr});
  const auto largest = AskLargestPage(client);
  EXPECT_EQ(largest(), kSmallPage);
  down = false;
  EXPECT_EQ(largest(), kPageLimit);
  EXPECT_EQ(largest(), kPageLimit);
  EXPECT_EQ(transport.sent().size(), 2U);
  EXPECT_EQ(transport.sent()[1].url, "http://api:80/version");
}

}  // namespace
}  // namespace purser::kube
