#include "app/leadership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "app/ledger_claim.h"
#include "unit/kube/fake_transport.h"

namespace purser::app {
namespace {

using Json = nlohmann::json;
using kube::FakeTransport;
using kube::HttpRequest;
using kube::HttpResponse;
using kube::Respond;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

TEST(LedgerClaimTest, DecidesByTheLedgerThatLedLast) {
  EXPECT_EQ(DecideClaim({}, "a", false), LedgerClaim::kUnclaimed);
  EXPECT_EQ(DecideClaim({{kLedgerAnnotation, "a"}}, "a", false), LedgerClaim::kOurs);
  EXPECT_EQ(DecideClaim({{kLedgerAnnotation, "b"}}, "a", false), LedgerClaim::kRefused);
  EXPECT_EQ(DecideClaim({{kLedgerAnnotation, "b"}, {kAcceptLedgerAnnotation, "c"}}, "a", false),
            LedgerClaim::kRefused);
  EXPECT_EQ(DecideClaim({{kLedgerAnnotation, "b"}, {kAcceptLedgerAnnotation, "a"}}, "a", false),
            LedgerClaim::kAccepted);
  EXPECT_EQ(DecideClaim({{kLedgerAnnotation, "b"}}, "a", true), LedgerClaim::kAccepted);
  EXPECT_EQ(DecideClaim({{kLedgerAnnotation, "a"}}, "a", true), LedgerClaim::kOurs);
}

class LeadershipTest : public testing::Test {
 protected:
  LeadershipTest() {
    transport_.on_send = [this](const HttpRequest& request) { return Serve(request); };
  }
  ~LeadershipTest() override {
    stop_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

  // One Lease, and Events.
  Result<HttpResponse> Serve(const HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    auto body = request.body.empty() ? Json() : Json::parse(request.body);
    if (request.url.find("events") != std::string::npos) {
      events_.push_back(body.value("reason", ""));
      return Respond(201, body.dump());
    }
    if (request.method == "GET")
      return lease_.is_null() ? Respond(404, "{}") : Respond(200, lease_.dump());
    if (request.method == "POST") {
      lease_ = body;
    } else {
      const auto wanted = body["metadata"].value("resourceVersion", "");
      if (!wanted.empty() && lease_["metadata"]["resourceVersion"] != wanted)
        return Respond(409, R"({"reason":"Conflict"})");
      lease_.merge_patch(body);
    }
    lease_["metadata"]["resourceVersion"] = std::to_string(++version_);
    return Respond(200, lease_.dump());
  }
  void Annotate(const char* name, const std::string& value) {
    const std::lock_guard lock(mutex_);
    if (lease_.is_null()) lease_ = {{"metadata", {{"name", "purser"}}}, {"spec", Json::object()}};
    lease_["metadata"]["annotations"][name] = value;
    lease_["metadata"]["resourceVersion"] = std::to_string(++version_);
  }
  std::string Annotation(const char* name) {
    const std::lock_guard lock(mutex_);
    return lease_.is_null()
               ? ""
               : lease_["metadata"].value("annotations", Json::object()).value(name, "");
  }
  std::string Holder() {
    const std::lock_guard lock(mutex_);
    return lease_.is_null() ? "" : lease_["spec"].value("holderIdentity", "");
  }
  void TakeLease(const std::string& holder) {
    const std::lock_guard lock(mutex_);
    lease_["spec"]["holderIdentity"] = holder;
    lease_["metadata"]["resourceVersion"] = std::to_string(++version_);
  }
  std::vector<std::string> events() {
    const std::lock_guard lock(mutex_);
    return events_;
  }

  Leadership& Make(bool elects, seconds stuck_after = seconds(60), bool ephemeral = false) {
    LeadershipOptions options;
    options.elects = elects;
    options.lease = {"system", "purser"};
    options.identity = "me";
    options.ledger = "store.path /data/ledger.db";
    options.stuck_after = stuck_after;
    options.ephemeral = ephemeral;
    return leadership_.emplace(client_, clock_, progress_, options);
  }
  // Each term lasts until it is ended from outside.
  void Run() {
    thread_ = std::jthread([this] {
      ended_ = leadership_->Run(
          stop_.get_token(), [] { return Result<std::string>(std::string("ledger-a")); },
          [this](const std::stop_token& term) -> Status {
            ++terms_;
            while (!term.stop_requested()) std::this_thread::sleep_for(milliseconds(2));
            return outcome_;
          });
      done_ = true;
    });
  }
  static bool Eventually(const std::function<bool()>& check, seconds within = seconds(15)) {
    const auto deadline = std::chrono::steady_clock::now() + within;
    while (std::chrono::steady_clock::now() < deadline) {
      if (check()) return true;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return false;
  }

  std::mutex mutex_;
  Json lease_;
  int version_ = 0;
  std::vector<std::string> events_;
  FakeTransport transport_;
  kube::Client client_{transport_, {"http://api:80", "default", {}, "", nullptr}};
  SystemClock clock_;
  Progress progress_;
  std::optional<Leadership> leadership_;
  std::atomic<int> terms_ = 0;
  Status outcome_ = Ok();
  Status ended_ = Ok();
  std::atomic<bool> done_ = false;
  std::stop_source stop_;
  std::jthread thread_;
};

TEST_F(LeadershipTest, TheLeaseNamesTheLedgerThatLeads) {
  Make(true);
  Run();
  ASSERT_TRUE(Eventually([this] { return terms_ == 1; }));
  EXPECT_EQ(Annotation(kLedgerAnnotation), "ledger-a");
  EXPECT_EQ(Holder(), "me");
  // It renews with the annotation there.
  std::this_thread::sleep_for(seconds(5));
  EXPECT_EQ(terms_, 1);
  EXPECT_EQ(Annotation(kLedgerAnnotation), "ledger-a");
  stop_.request_stop();
  ASSERT_TRUE(Eventually([this] { return done_.load(); }));
  EXPECT_TRUE(ended_.ok());
  EXPECT_EQ(Holder(), "") << "released";
}

TEST_F(LeadershipTest, AnotherLedgerWaitsUntilItIsAccepted) {
  Annotate(kLedgerAnnotation, "ledger-b");
  auto& leadership = Make(true);
  Run();
  ASSERT_TRUE(Eventually([&] { return leadership.Refusal().has_value(); }));
  const auto refusal = leadership.Refusal().value_or("");
  EXPECT_THAT(refusal, HasSubstr("ledger-a (store.path /data/ledger.db)"));
  EXPECT_THAT(refusal, HasSubstr("ledger-b"));
  EXPECT_THAT(refusal, HasSubstr("kubectl -n system annotate lease purser --overwrite "
                                 "purser.dev/accept-ledger=ledger-a"));
  ASSERT_TRUE(Eventually([this] { return !events().empty(); }));
  EXPECT_EQ(events().front(), "LedgerRefused");
  EXPECT_EQ(Holder(), "") << "it leaves the Lease to whoever has the other ledger";
  EXPECT_EQ(terms_, 0);

  Annotate(kAcceptLedgerAnnotation, "ledger-a");
  ASSERT_TRUE(Eventually([this] { return terms_ == 1; }));
  EXPECT_EQ(leadership.Refusal(), std::nullopt);
  EXPECT_EQ(Annotation(kLedgerAnnotation), "ledger-a");
  EXPECT_EQ(Annotation(kAcceptLedgerAnnotation), "");
  EXPECT_EQ(events().back(), "LedgerAccepted");
}

TEST_F(LeadershipTest, ALedgerThatEndsWithItsPodIsFollowedByTheNext) {
  Annotate(kLedgerAnnotation, "ledger-b");
  auto& leadership = Make(true, seconds(60), true);
  Run();
  ASSERT_TRUE(Eventually([this] { return terms_ == 1; }));
  EXPECT_EQ(leadership.Refusal(), std::nullopt);
  EXPECT_EQ(Annotation(kLedgerAnnotation), "ledger-a");
  ASSERT_TRUE(Eventually([this] { return !events().empty(); }));
  EXPECT_EQ(events().back(), "LedgerAccepted");
}

TEST_F(LeadershipTest, WhoLosesTheLeaseWaitsToLeadAgain) {
  Make(true);
  Run();
  ASSERT_TRUE(Eventually([this] { return terms_ == 1; }));
  TakeLease("somebody");
  std::this_thread::sleep_for(seconds(5));
  EXPECT_EQ(terms_, 1);
  EXPECT_FALSE(done_);
  TakeLease("");
  ASSERT_TRUE(Eventually([this] { return terms_ == 2; }));
  EXPECT_EQ(Holder(), "me");
}

TEST_F(LeadershipTest, WhatIsStuckEndsTheTermAndThenIsNotHealthy) {
  auto& leadership = Make(true, seconds(1));
  Run();
  ASSERT_TRUE(Eventually([this] { return terms_ == 1; }));
  std::optional<Progress::Step> step;
  step.emplace(progress_, "Commit of the ledger");
  std::this_thread::sleep_for(milliseconds(500));
  EXPECT_EQ(terms_, 1);
  EXPECT_EQ(leadership.Stuck(), std::nullopt);
  ASSERT_TRUE(Eventually([&] { return leadership.Stuck().has_value(); }));
  EXPECT_THAT(*leadership.Stuck(), HasSubstr("Commit of the ledger has been under way for 2 s"));
  step.reset();
  EXPECT_EQ(leadership.Stuck(), std::nullopt);
  ASSERT_TRUE(Eventually([this] { return terms_ >= 2; })) << "it goes on when the work does";
}

TEST_F(LeadershipTest, WithoutALeaseAnErrorEndsItAndStuckWorkBeginsAnew) {
  Make(false, seconds(1));
  Run();
  ASSERT_TRUE(Eventually([this] { return terms_ == 1; }));
  EXPECT_EQ(transport_.sent().size(), 0U);
  {
    const Progress::Step step(progress_, "a budget");
    ASSERT_TRUE(Eventually([this] { return terms_ == 2; }));
    outcome_ = Error(ErrorCode::kFenced, "another leader books now");
    ASSERT_TRUE(Eventually([this] { return done_.load(); }));
  }
  ASSERT_FALSE(ended_.ok());
  EXPECT_EQ(ended_.error().code(), ErrorCode::kFenced);
}

}  // namespace
}  // namespace purser::app
