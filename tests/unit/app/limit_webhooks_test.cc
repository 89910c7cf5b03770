#include "app/limit_webhooks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/clocks.h"
#include "support/raw_server.h"

namespace purser::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const kube::ObjectKey kPool{"agents", "team"};

// The example of the specification's reference implementations.
TEST(SignatureTest, IsThatOfStandardWebhooks) {
  EXPECT_EQ(SignatureOf("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                        "1614265330", R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

class LimitWebhooksTest : public ::testing::Test {
 protected:
  LimitWebhooksTest() {
    folder_ = std::filesystem::temp_directory_path() / "purser-webhooks-XXXXXX";
    folder_ = mkdtemp(folder_.data());
    Secret("s3cret\n");
    auto made = LimitWebhooks::Make(
        {{"gateway", server_.url() + "/limits", folder_ + "/secret", "", std::chrono::seconds(5)}},
        clock_);
    webhooks_ = std::move(made).value();
  }
  ~LimitWebhooksTest() override { std::filesystem::remove_all(folder_); }

  void Secret(const std::string& text) { std::ofstream(folder_ + "/secret") << text; }
  controllers::WebhookOutbox::Standing Send(const std::string& document) {
    webhooks_->outbox().Put(kPool, "gateway", document, std::hash<std::string>{}(document));
    static_cast<void>(webhooks_->outbox().Deliver("gateway", {}));
    return *webhooks_->outbox().Of(kPool, "gateway");
  }

  support::FakeClock clock_{Timestamp(std::chrono::seconds(1'800'000'000))};
  support::RawServer server_{support::HttpAnswer(204, "text/plain", "")};
  std::string folder_;
  std::unique_ptr<LimitWebhooks> webhooks_;
};

TEST_F(LimitWebhooksTest, PostsTheDocumentSigned) {
  EXPECT_TRUE(Send(R"({"pool":"team"})").taken);
  const auto request = server_.last_request();
  EXPECT_THAT(request, HasSubstr("POST /limits HTTP/1.1"));
  EXPECT_THAT(request, HasSubstr("webhook-timestamp:1800000000"));
  EXPECT_THAT(request, HasSubstr(R"({"pool":"team"})"));
  const auto begin = request.find("webhook-id:") + 11;
  const auto id = request.substr(begin, request.find("\r\n", begin) - begin);
  EXPECT_THAT(request, HasSubstr("webhook-signature:" +
                                 SignatureOf("s3cret", id, "1800000000", R"({"pool":"team"})")));
}

TEST_F(LimitWebhooksTest, TellsWhatItAnsweredButNotWhere) {
  for (const auto& [status, problem] :
       std::map<int, std::string>{{503, "answered 503; tried again with backoff"},
                                  {429, "answered 429; tried again with backoff"},
                                  {403, "answered 403; tried again every 5 min"},
                                  {302, "answered 302, and redirects are not followed"}}) {
    server_.SetAnswer(support::HttpAnswer(status, "text/plain", "secret words"));
    clock_.Advance(std::chrono::minutes(10));
    const auto standing = Send(std::to_string(status));
    EXPECT_FALSE(standing.taken);
    EXPECT_THAT(standing.problem, HasSubstr(problem));
    EXPECT_THAT(standing.problem, Not(HasSubstr("127.0.0.1")));
  }
}

TEST_F(LimitWebhooksTest, SendsNothingUnsigned) {
  Secret("\n");
  EXPECT_THAT(Send("x").problem, HasSubstr("has no secret"));
  std::filesystem::remove(folder_ + "/secret");
  clock_.Advance(std::chrono::minutes(10));
  EXPECT_THAT(Send("y").problem, HasSubstr("has no secret"));
  EXPECT_EQ(server_.last_request(), "");
  Secret("late");
  clock_.Advance(std::chrono::minutes(10));
  EXPECT_TRUE(Send("z").taken);
}

}  // namespace
}  // namespace purser::app
