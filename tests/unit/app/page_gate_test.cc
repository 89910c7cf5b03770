// Who is let in, what is remembered of it, and what happens when nobody can be asked.
#include "app/page_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>

#include "support/clocks.h"
#include "unit/kube/fake_transport.h"

namespace purser::app {
namespace {

using kube::Respond;
using nlohmann::json;
using testing::HasSubstr;

class PageGateTest : public testing::Test {
 protected:
  PageGateTest() {
    transport_.on_send = [this](const net::HttpRequest& request) -> Result<net::HttpResponse> {
      if (down_) return Error(ErrorCode::kUnavailable, "no route");
      if (refused_ != 0) return Respond(refused_, R"({"kind":"Status","message":"no right to"})");
      const auto spec = json::parse(request.body)["spec"];
      json status;
      if (request.url.find("tokenreviews") != std::string::npos) {
        status["authenticated"] = spec["token"] != "forged";
        status["user"] = {{"username", spec["token"]}, {"groups", {"scrapers"}}};
      } else {
        asked_ = spec;
        status["allowed"] = spec["user"] == "prometheus";
      }
      return Respond(201, json{{"status", status}}.dump());
    };
    access_.server = "https://api:6443";
    client_ = std::make_unique<kube::Client>(transport_, access_);
    gate_ = std::make_unique<PageGate>(*client_, clock_);
  }

  // The status that the gate answers with; 0: let in.
  int Ask(const std::string& authorization, const std::string& path = "/metrics") {
    auto answered = std::make_shared<std::promise<std::optional<net::ServerResponse>>>();
    gate_->Ask({"GET", path, authorization},
               [answered](auto refusal) { answered->set_value(std::move(refusal)); });
    auto refusal = answered->get_future().get();
    told_ = refusal ? refusal->body : "";
    return refusal ? refusal->status : 0;
  }
  std::size_t Sent() { return transport_.sent().size(); }

  std::atomic<bool> down_ = false;
  std::atomic<int> refused_ = 0;
  json asked_;
  std::string told_;
  kube::FakeTransport transport_;
  kube::Access access_;
  support::FakeClock clock_{Timestamp(std::chrono::seconds(1'800'000'000))};
  std::unique_ptr<kube::Client> client_;
  std::unique_ptr<PageGate> gate_;
};

TEST_F(PageGateTest, HealthIsOpen) {
  EXPECT_EQ(Ask("", "/healthz"), 0);
  EXPECT_EQ(Ask("", "/readyz"), 0);
  EXPECT_EQ(Sent(), 0U);
}

TEST_F(PageGateTest, AllElseNeedsAToken) {
  EXPECT_EQ(Ask(""), 401);
  EXPECT_EQ(Ask("Basic cHJvbWV0aGV1cw=="), 401);
  EXPECT_EQ(Ask("Bearer "), 401);
  EXPECT_EQ(Ask("", "/v1/whatever-comes"), 401);
  EXPECT_EQ(Sent(), 0U) << "nobody is asked about nothing";
  EXPECT_EQ(Ask("Bearer forged"), 401);
}

TEST_F(PageGateTest, TheRightIsThatOnThePath) {
  EXPECT_EQ(Ask("bearer prometheus"), 0) << "the scheme has no case";
  EXPECT_EQ(asked_["nonResourceAttributes"], (json{{"path", "/metrics"}, {"verb", "get"}}));
  EXPECT_EQ(asked_["groups"], json{"scrapers"});
  EXPECT_EQ(Ask("Bearer stranger"), 403);
  EXPECT_THAT(told_, HasSubstr("stranger may not get /metrics"));
  EXPECT_THAT(told_, HasSubstr("nonResourceURLs"));
}

TEST_F(PageGateTest, WhatWasFoundOutIsRememberedForAWhile) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Ask("Bearer prometheus"), 0);
  EXPECT_EQ(Sent(), 2U);
  EXPECT_EQ(Ask("Bearer prometheus", "/v1/report"), 0);
  EXPECT_EQ(Sent(), 4U) << "of one path nothing is known of another";
  clock_.Advance(PageGate::kAllowedFor);
  EXPECT_EQ(Ask("Bearer prometheus"), 0);
  EXPECT_EQ(Sent(), 6U);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Ask("Bearer forged"), 401);
  EXPECT_EQ(Sent(), 7U);
}

TEST_F(PageGateTest, WhenNobodyCanBeAskedNobodyIsLetInAndNothingIsRemembered) {
  down_ = true;
  EXPECT_EQ(Ask("Bearer prometheus"), 503);
  down_ = false;
  // The API server refuses us, not the one in question.
  for (const int status : {401, 403}) {
    refused_ = status;
    EXPECT_EQ(Ask("Bearer prometheus"), 503);
    EXPECT_THAT(told_, HasSubstr("no right to"));
  }
  refused_ = 0;
  EXPECT_EQ(Ask("Bearer prometheus"), 0);
}

TEST_F(PageGateTest, AFloodOfTokensWaitsInALineOfBoundedLength) {
  std::promise<void> open;
  auto opened = open.get_future().share();
  const auto answers = transport_.on_send;
  transport_.on_send = [=](const net::HttpRequest& request) {
    opened.wait();
    return answers(request);
  };
  std::atomic<int> sent_away = 0;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 100; ++i) {
    gate_->Ask({"GET", "/metrics", "Bearer t" + std::to_string(i)}, [&](auto refusal) {
      ++answered;
      if (refusal && refusal->status == 503) ++sent_away;
    });
  }
  EXPECT_GE(sent_away, 100 - static_cast<int>(PageGate::kMostWaiting) - 1);
  open.set_value();
  EXPECT_EQ(Ask("", "/healthz"), 0);
  while (answered < 100) std::this_thread::yield();
}

}  // namespace
}  // namespace purser::app
