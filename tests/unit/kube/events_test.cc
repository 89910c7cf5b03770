#include "kube/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "support/clocks.h"
#include "unit/kube/fake_transport.h"

namespace purser::kube {
namespace {

using Json = nlohmann::json;

class EventsTest : public testing::Test {
 protected:
  EventsTest() {
    transport_.on_send = [](const HttpRequest&) { return Respond(201, "{}"); };
  }
  void Record(const std::string& note, const std::string& reason = "Stop") {
    recorder_->Record(budget_, EventType::kWarning, reason, "Evaluate", note);
  }

  ObjectReference budget_{"purser.dev/v1alpha1", "AgentBudget", "agents", "daily", "uid-1"};
  support::FakeClock clock_{
      Timestamp(std::chrono::milliseconds(1'767'323'045'678))};  // 2026-01-02T03:04:05.678Z
  FakeTransport transport_;
  Access access_{"http://api:80", "default", {}, "", nullptr};
  Client client_{transport_, access_};
  std::atomic<int> dropped_ = 0;
  EventOptions options_{"purser-0",    1024,
                        Duration(20),  std::chrono::minutes(6),
                        Duration(500), [this] { ++dropped_; }};
  std::unique_ptr<ApiEventRecorder> recorder_ =
      std::make_unique<ApiEventRecorder>(client_, clock_, options_);
};

TEST_F(EventsTest, PostsWhatTheApiWants) {
  Record("spent $50");
  ASSERT_TRUE(transport_.WaitForSent(1));
  const auto sent = transport_.sent()[0];
  EXPECT_EQ(sent.method, "POST");
  EXPECT_THAT(sent.url, testing::HasSubstr("/apis/events.k8s.io/v1/namespaces/agents/events?"));
  const auto event = Json::parse(sent.body);
  EXPECT_THAT(event["metadata"]["name"].get<std::string>(),
              testing::MatchesRegex("daily\\.[0-9a-f]{16}"));
  EXPECT_EQ(event["eventTime"], "2026-01-02T03:04:05.678000Z");
  EXPECT_EQ(event["reportingInstance"], "purser-0");
  EXPECT_EQ(event["regarding"]["uid"], "uid-1");
  EXPECT_EQ(event["regarding"]["kind"], "AgentBudget");
  EXPECT_EQ(event["reason"], "Stop");
  EXPECT_EQ(event["action"], "Evaluate");
  EXPECT_EQ(event["type"], "Warning");
  EXPECT_EQ(event["note"], "spent $50");
  EXPECT_FALSE(event.contains("series"));
}

TEST_F(EventsTest, CountsRepetitionsInTheSameEvent) {
  for (int i = 0; i < 50; ++i) Record("again");
  Record("other note");
  Record("again", "OtherReason");
  ASSERT_TRUE(transport_.WaitForSent(4));
  recorder_.reset();
  int created = 0;
  std::int64_t count = 0;
  for (const auto& request : transport_.sent()) {
    if (request.method == "POST") {
      ++created;
    } else {
      EXPECT_EQ(request.method, "PATCH");
      const auto patch = Json::parse(request.body);
      EXPECT_EQ(patch["series"]["lastObservedTime"], "2026-01-02T03:04:05.678000Z");
      EXPECT_GT(patch["series"]["count"].get<std::int64_t>(), count);
      count = patch["series"]["count"];
    }
  }
  EXPECT_EQ(created, 3);
  EXPECT_EQ(count, 50);
}

TEST_F(EventsTest, ASeriesEnds) {
  Record("again");
  ASSERT_TRUE(transport_.WaitForSent(1));
  clock_.Advance(std::chrono::minutes(6));
  Record("again");
  ASSERT_TRUE(transport_.WaitForSent(2));
  EXPECT_EQ(transport_.sent()[1].method, "POST");
}

TEST_F(EventsTest, DropsAndCountsWhatIsRefused) {
  transport_.on_send = [](const HttpRequest&) { return Respond(403, "{}"); };
  Record("a");
  Record("b");
  ASSERT_TRUE(transport_.WaitForSent(2));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (dropped_ < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(dropped_, 2);
}

TEST_F(EventsTest, NeverHoldsTheCallerUp) {
  std::mutex gate;
  std::unique_lock closed(gate);
  transport_.on_send = [&](const HttpRequest&) {
    const std::lock_guard wait(gate);
    return Respond(201, "{}");
  };
  options_.queue_limit = 10;
  recorder_ = std::make_unique<ApiEventRecorder>(client_, clock_, options_);
  for (int i = 0; i < 100; ++i) Record("note " + std::to_string(i));
  EXPECT_GE(dropped_, 89);
  closed.unlock();
  recorder_.reset();  // it uses the gate
}

TEST_F(EventsTest, LimitsEveryText) {
  budget_.name = std::string(253, 'n');
  Record("x" + std::string(600, '\0') + std::string(1000, 'y'), std::string(500, 'R'));
  ASSERT_TRUE(transport_.WaitForSent(1));
  const auto event = Json::parse(transport_.sent()[0].body);
  EXPECT_LE(event["note"].get<std::string>().size(), 1024U);
  EXPECT_EQ(event["reason"].get<std::string>().size(), 128U);
  EXPECT_EQ(event["metadata"]["name"].get<std::string>().size(), 253U);
}

TEST_F(EventsTest, ClusterScopedObjectsReportInDefault) {
  budget_.ns.clear();
  Record("x");
  ASSERT_TRUE(transport_.WaitForSent(1));
  EXPECT_THAT(transport_.sent()[0].url, testing::HasSubstr("/namespaces/default/events"));
}

}  // namespace
}  // namespace purser::kube
