#include "controllers/agent_pool/webhook_outbox.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/clocks.h"

namespace purser::controllers {
namespace {

using std::chrono::seconds;

const kube::ObjectKey kOne{"agents", "one"};
const kube::ObjectKey kTwo{"agents", "two"};

class WebhookOutboxTest : public ::testing::Test {
 protected:
  Status Take(const std::string& document) {
    tried_.push_back(document);
    if (during_) std::exchange(during_, {})();
    const auto answer = answers_.find(document);
    return answer == answers_.end() ? usual_ : answer->second;
  }
  void Put(const kube::ObjectKey& pool, const std::string& document) {
    outbox_.Put(pool, "a", document, std::hash<std::string>{}(document));
  }
  std::optional<Timestamp> Deliver() { return outbox_.Deliver("a", {}); }
  std::vector<std::string> Tried() { return std::exchange(tried_, {}); }
  static Status Down() { return Error(ErrorCode::kUnavailable, "answered 503"); }
  static Status No() { return Error(ErrorCode::kInvalidArgument, "answered 422"); }

  support::FakeClock clock_{Timestamp(seconds(1'800'000'000))};
  Status usual_ = Ok();
  std::map<std::string, Status> answers_;
  std::function<void()> during_;
  std::vector<std::string> tried_;
  WebhookOutbox outbox_{{"a"},
                        [this](const std::string&, const std::string& document,
                               const std::stop_token&) { return Take(document); },
                        clock_};
};

using Texts = std::vector<std::string>;

TEST_F(WebhookOutboxTest, SendsOnce) {
  Put(kOne, "x");
  EXPECT_EQ(Deliver(), std::nullopt);
  Put(kOne, "x");
  EXPECT_EQ(Deliver(), std::nullopt);
  EXPECT_EQ(Tried(), Texts{"x"});
  EXPECT_TRUE(outbox_.Of(kOne, "a")->taken);
}

TEST_F(WebhookOutboxTest, OfWhatWaitsTheNewestIsSent) {
  Put(kOne, "x");
  Put(kTwo, "z");
  Put(kOne, "y");
  Deliver();
  EXPECT_EQ(Tried(), (Texts{"z", "y"}));
}

TEST_F(WebhookOutboxTest, WhatComesDuringATryIsSentBehindIt) {
  Put(kOne, "x");
  during_ = [this] { Put(kOne, "y"); };
  EXPECT_EQ(Deliver(), std::nullopt);
  EXPECT_EQ(Tried(), (Texts{"x", "y"}));
  // Back to what was taken before the last: it is news again.
  Put(kOne, "x");
  Deliver();
  EXPECT_EQ(Tried(), Texts{"x"});
}

TEST_F(WebhookOutboxTest, OneThatIsDownIsTriedLessAndLess) {
  usual_ = Down();
  std::vector<kube::ObjectKey> told;
  outbox_.SetOnOutcome([&](const auto& pool) { told.push_back(pool); });
  Put(kOne, "x");
  Put(kTwo, "y");
  EXPECT_EQ(Deliver(), clock_.Now() + seconds(1));
  EXPECT_EQ(Tried(), Texts{"x"});
  EXPECT_EQ(told, (std::vector{kOne, kTwo})) << "nothing gets through";
  EXPECT_EQ(outbox_.Of(kTwo, "a")->problem, "answered 503");
  for (const int pause : {2, 4, 8, 16, 32, 60, 60}) {
    clock_.Advance(seconds(pause));
    EXPECT_EQ(Deliver(), clock_.Now() + seconds(pause));
    EXPECT_EQ(Tried().size(), 1U);
  }
  usual_ = Ok();
  clock_.Advance(seconds(60));
  EXPECT_EQ(Deliver(), std::nullopt);
  EXPECT_EQ(Tried().size(), 2U);
  EXPECT_EQ(outbox_.Of(kTwo, "a")->problem, "");
}

TEST_F(WebhookOutboxTest, OneDocumentThatFailsHoldsUpNoOther) {
  answers_["x"] = Down();
  Put(kOne, "x");
  Put(kTwo, "y");
  Deliver();
  clock_.Advance(seconds(1));
  Deliver();
  EXPECT_EQ(Tried(), (Texts{"x", "y", "x"}));
  EXPECT_TRUE(outbox_.Of(kTwo, "a")->taken);
}

TEST_F(WebhookOutboxTest, WhatIsRefusedIsTriedNowAndThen) {
  answers_["x"] = No();
  Put(kOne, "x");
  Put(kTwo, "y");
  EXPECT_EQ(Deliver(), clock_.Now() + WebhookOutbox::kTryRefusedEvery);
  EXPECT_EQ(Tried(), (Texts{"x", "y"}));
  EXPECT_TRUE(outbox_.Of(kOne, "a")->refused);
  EXPECT_EQ(outbox_.Of(kOne, "a")->problem, "answered 422");
  clock_.Advance(seconds(60));
  Deliver();
  EXPECT_EQ(Tried(), Texts{});
  Put(kOne, "z");
  Deliver();
  EXPECT_EQ(Tried(), Texts{"z"});
}

TEST_F(WebhookOutboxTest, WhatWaitsIsSentThoughItsPoolIsGone) {
  usual_ = Down();
  Put(kOne, "x");
  Deliver();
  outbox_.Forget(kOne);
  EXPECT_TRUE(outbox_.Remembered(kOne).empty());
  usual_ = Ok();
  clock_.Advance(seconds(60));
  EXPECT_EQ(Deliver(), std::nullopt);
  EXPECT_EQ(Tried(), (Texts{"x", "x"}));
  EXPECT_EQ(outbox_.Of(kOne, "a"), std::nullopt);
}

TEST_F(WebhookOutboxTest, AWebhookThatIsNotConfiguredIsNotKnown) {
  EXPECT_FALSE(outbox_.Knows("b"));
  outbox_.Put(kOne, "b", "x", 1);
  EXPECT_EQ(outbox_.Of(kOne, "b"), std::nullopt);
}

}  // namespace
}  // namespace purser::controllers
