#include "kube/leader_election.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "unit/kube/fake_transport.h"

namespace purser::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Json = nlohmann::json;
using Steady = std::chrono::steady_clock;

TEST(LeaseTest, Decides) {
  const LeaseRecord mine{"1", "me", 15, "", "", 0};
  const LeaseRecord theirs{"1", "you", 15, "", "", 0};
  const LeaseRecord released{"1", "", 1, "", "", 0};
  EXPECT_EQ(Decide(mine, "me", seconds(100)), LeaseDecision::kRenew);
  EXPECT_EQ(Decide(released, "me", seconds(0)), LeaseDecision::kAcquire);
  EXPECT_EQ(Decide(theirs, "me", seconds(0)), LeaseDecision::kWait);
  EXPECT_EQ(Decide(theirs, "me", milliseconds(14'999)), LeaseDecision::kWait);
  EXPECT_EQ(Decide(theirs, "me", seconds(15)), LeaseDecision::kAcquire);
}

TEST(LeaseTest, DecodesAndEncodes) {
  const LeaseRecord record{
      "7", "me\"", 15, "2026-01-02T03:04:05.000006Z", "2026-01-02T03:04:06.000000Z", 3};
  EXPECT_EQ(*DecodeLease(EncodeLease({"a", "b"}, record)), record);
  const auto json = Json::parse(EncodeLease({"a", "b"}, LeaseRecord{}));
  EXPECT_EQ(json["metadata"], (Json{{"name", "b"}, {"namespace", "a"}}));
  const auto bare =
      DecodeLease(R"({"metadata":{"resourceVersion":"1"},"spec":{"holderIdentity":null}})");
  ASSERT_TRUE(bare.ok());
  EXPECT_EQ(bare->holder, "");
  for (const char* text :
       {"", "[]", "{}", R"({"metadata":{"resourceVersion":"1"},"spec":{"holderIdentity":5}})",
        R"({"metadata":{"resourceVersion":"1"},"spec":{"leaseDurationSeconds":"15"}})"}) {
    EXPECT_FALSE(DecodeLease(text).ok()) << text;
  }
}

// Keeps one Lease as an API server would, preconditions included.
class LeaseServer {
 public:
  Result<HttpResponse> operator()(const HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    if (down) return Error(ErrorCode::kUnavailable, "down");
    if (request.method == "GET")
      return lease_.is_null() ? Respond(404, "{}") : Respond(200, lease_.dump());
    auto body = Json::parse(request.body);
    if (request.method == "POST") {
      if (!lease_.is_null()) return Respond(409, R"({"reason":"AlreadyExists"})");
      lease_ = body;
    } else {
      if (lease_.is_null()) return Respond(404, "{}");
      if (body["metadata"]["resourceVersion"] != lease_["metadata"]["resourceVersion"]) {
        return Respond(409, R"({"reason":"Conflict"})");
      }
      lease_.merge_patch(body);
    }
    lease_["metadata"]["resourceVersion"] = std::to_string(++version_);
    ++writes;
    return Respond(200, lease_.dump());
  }
  Json spec() {
    const std::lock_guard lock(mutex_);
    return lease_.is_null() ? Json() : lease_["spec"];
  }
  void Set(const std::string& holder, int duration) {
    const std::lock_guard lock(mutex_);
    lease_ = {{"metadata", {{"resourceVersion", std::to_string(++version_)}}},
              {"spec",
               {{"holderIdentity", holder},
                {"leaseDurationSeconds", duration},
                {"leaseTransitions", 4}}}};
  }

  // Somebody writes to it, the holder untouched.
  void Touch() {
    const std::lock_guard lock(mutex_);
    lease_["metadata"]["resourceVersion"] = std::to_string(++version_);
  }

  std::atomic<bool> down = false;
  std::atomic<int> writes = 0;

 private:
  std::mutex mutex_;
  Json lease_;
  int version_ = 0;
};

// At this moment: it does not wait.
bool IsLeader(LeaderElector& elector) {
  std::stop_source asked;
  asked.request_stop();
  return elector.WaitForLeadership(asked.get_token());
}

class LeaderElectionTest : public testing::Test {
 protected:
  LeaderElectionTest() {
    transport_.on_send = [this](const HttpRequest& request) { return server_(request); };
  }
  // 1 s / 300 ms / 20 ms instead of 15 / 10 / 2 s.
  std::unique_ptr<LeaderElector> Make(const std::string& identity) {
    LeaderElectionOptions options;
    options.lease = {"purser-system", "purser"};
    options.identity = identity;
    options.lease_duration = seconds(1);
    options.renew_deadline = milliseconds(300);
    options.retry_period = milliseconds(20);
    return std::make_unique<LeaderElector>(client_, options);
  }
  static bool Leads(LeaderElector& elector, Duration within = seconds(5)) {
    const auto deadline = Steady::now() + within;
    while (!IsLeader(elector) && Steady::now() < deadline)
      std::this_thread::sleep_for(milliseconds(2));
    return IsLeader(elector);
  }
  static bool Ended(const std::stop_token& token) {
    const auto deadline = Steady::now() + seconds(5);
    while (!token.stop_requested() && Steady::now() < deadline)
      std::this_thread::sleep_for(milliseconds(2));
    return token.stop_requested();
  }

  LeaseServer server_;
  FakeTransport transport_;
  Access access_{"http://api:80", "default", {}, "", nullptr};
  Client client_{transport_, access_};
};

TEST_F(LeaderElectionTest, CreatesRenewsAndReleases) {
  auto elector = Make("one");
  elector->Start();
  EXPECT_TRUE(elector->WaitForLeadership({}));
  EXPECT_EQ(server_.spec()["holderIdentity"], "one");
  EXPECT_EQ(server_.spec()["leaseDurationSeconds"], 1);
  EXPECT_EQ(server_.spec()["leaseTransitions"], 0);
  const int writes = server_.writes;
  while (server_.writes < writes + 5) std::this_thread::sleep_for(milliseconds(2));
  EXPECT_TRUE(IsLeader(*elector));
  const auto lost = elector->Lost();
  EXPECT_FALSE(lost.stop_requested());
  elector->Stop();
  EXPECT_TRUE(lost.stop_requested());
  EXPECT_FALSE(IsLeader(*elector));
  EXPECT_EQ(server_.spec()["holderIdentity"], "");
  EXPECT_EQ(server_.spec()["leaseDurationSeconds"], 1);
}

TEST_F(LeaderElectionTest, WaitsUntilTheHolderIsSilent) {
  server_.Set("dead", 1);
  auto elector = Make("one");
  const auto started = Steady::now();
  elector->Start();
  EXPECT_TRUE(Leads(*elector));
  EXPECT_GE(Steady::now() - started, seconds(1));
  EXPECT_EQ(server_.spec()["leaseTransitions"], 5);
}

TEST_F(LeaderElectionTest, ALiveHolderIsLeftAlone) {
  auto one = Make("one");
  auto two = Make("two");
  one->Start();
  ASSERT_TRUE(Leads(*one));
  two->Start();
  EXPECT_FALSE(Leads(*two, milliseconds(1500)));  // longer than the Lease lasts
  EXPECT_TRUE(IsLeader(*one));
  one->Stop();
  EXPECT_TRUE(Leads(*two, milliseconds(500)));
  EXPECT_EQ(server_.spec()["leaseTransitions"], 1);
}

TEST_F(LeaderElectionTest, GivesUpWhenItCannotRenew) {
  auto elector = Make("one");
  elector->Start();
  ASSERT_TRUE(Leads(*elector));
  server_.down = true;
  const auto started = Steady::now();
  EXPECT_TRUE(Ended(elector->Lost()));
  const auto took = Steady::now() - started;
  EXPECT_LT(took, milliseconds(600));  // well before the Lease runs out for the others
  EXPECT_GT(took, milliseconds(200));
  EXPECT_FALSE(IsLeader(*elector));
  EXPECT_FALSE(elector->WaitForLeadership({}));
}

TEST_F(LeaderElectionTest, ATermEndsByItselfWhenARenewalHangs) {
  std::atomic<bool> hang = false;
  transport_.on_send = [&](const HttpRequest& request) {
    while (hang) std::this_thread::sleep_for(milliseconds(1));  // whatever its timeout says
    return server_(request);
  };
  auto elector = Make("one");
  elector->Start();
  ASSERT_TRUE(Leads(*elector));
  hang = true;
  const auto started = Steady::now();
  EXPECT_TRUE(Ended(elector->Lost()));
  EXPECT_LT(Steady::now() - started, milliseconds(600));
  EXPECT_FALSE(IsLeader(*elector));
  // What comes back late makes no leader of it again, and is not released.
  hang = false;
  EXPECT_FALSE(elector->WaitForLeadership({}));
  elector->Stop();
  EXPECT_EQ(server_.spec()["holderIdentity"], "one");
}

TEST_F(LeaderElectionTest, ARenewalDoesNotWaitWhenItIsThrottled) {
  std::atomic<int> throttled = 0;
  std::atomic<bool> throttle = false;
  transport_.on_send = [&](const HttpRequest& request) -> Result<HttpResponse> {
    if (!throttle) return server_(request);
    if (++throttled == 3) throttle = false;
    return Respond(429, "{}", {{"retry-after", "1"}});
  };
  auto elector = Make("one");
  elector->Start();
  ASSERT_TRUE(Leads(*elector));
  throttle = true;
  const auto started = Steady::now();
  while (throttle && Steady::now() - started < seconds(5))
    std::this_thread::sleep_for(milliseconds(2));
  const int writes = server_.writes;
  while (server_.writes < writes + 2 && Steady::now() - started < seconds(5))
    std::this_thread::sleep_for(milliseconds(2));
  EXPECT_LT(Steady::now() - started, milliseconds(290));  // a term of 300 ms has not ended
  EXPECT_TRUE(IsLeader(*elector));
}

TEST_F(LeaderElectionTest, WhatIsAbandonedIsNotReleased) {
  auto elector = Make("one");
  elector->Start();
  ASSERT_TRUE(Leads(*elector));
  elector->Abandon();
  EXPECT_TRUE(elector->Lost().stop_requested());
  EXPECT_FALSE(IsLeader(*elector));
  elector->Stop();
  EXPECT_EQ(server_.spec()["holderIdentity"], "one");
  // The next term of the same process goes on with it.
  auto again = Make("one");
  again->Start();
  EXPECT_TRUE(Leads(*again, milliseconds(500)));
}

TEST_F(LeaderElectionTest, ShortOutagesDoNotMatter) {
  auto elector = Make("one");
  elector->Start();
  ASSERT_TRUE(Leads(*elector));
  server_.down = true;
  std::this_thread::sleep_for(milliseconds(100));
  server_.down = false;
  const int writes = server_.writes;
  while (server_.writes < writes + 2) std::this_thread::sleep_for(milliseconds(2));
  EXPECT_TRUE(IsLeader(*elector));
}

TEST_F(LeaderElectionTest, GivesUpAtOnceWhenAnotherHolds) {
  auto elector = Make("one");
  elector->Start();
  ASSERT_TRUE(Leads(*elector));
  server_.Set("two", 15);
  EXPECT_TRUE(Ended(elector->Lost()));
  EXPECT_EQ(server_.spec()["holderIdentity"], "two");
  elector->Stop();
  EXPECT_EQ(server_.spec()["holderIdentity"], "two");  // what is not ours is not released
}

TEST_F(LeaderElectionTest, ReleasesALeaseThatWasAnnotatedMeanwhile) {
  LeaderElectionOptions options;
  options.lease = {"purser-system", "purser"};
  options.identity = "one";
  LeaderElector elector(client_, options);  // which renews every 2 s
  elector.Start();
  ASSERT_TRUE(Leads(elector));
  server_.Touch();
  elector.Stop();
  EXPECT_EQ(server_.spec()["holderIdentity"], "");
}

TEST_F(LeaderElectionTest, StopEndsTheWait) {
  server_.Set("other", 1000);
  auto elector = Make("one");
  elector->Start();
  std::jthread stopper([&] { elector->Stop(); });
  EXPECT_FALSE(elector->WaitForLeadership({}));
  EXPECT_FALSE(elector->Lost().stop_requested());
}

}  // namespace
}  // namespace purser::kube
