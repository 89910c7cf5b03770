#include "observability/logging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>

namespace purser::observability {
namespace {

using testing::MatchesRegex;

std::string Logged(const std::string& format, const std::string& text, bool reconciling) {
  testing::internal::CaptureStderr();
  EXPECT_TRUE(SetUpLogging("info", format).ok());
  if (reconciling) {
    const ReconcileScope scope;
    spdlog::info("{}", text);
  } else {
    spdlog::info("{}", text);
  }
  return testing::internal::GetCapturedStderr();
}

constexpr const char* kTime = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z";

TEST(LoggingTest, TextIsOneLineARecord) {
  EXPECT_THAT(Logged("text", "pool=a/b stops", false),
              MatchesRegex(std::string(kTime) + " info pool=a/b stops\n"));
}

TEST(LoggingTest, WhatAReconcileSaysCarriesItsNumber) {
  EXPECT_THAT(Logged("text", "pool=a/b stops", true),
              MatchesRegex(std::string(kTime) + " info reconcile=[0-9]+ pool=a/b stops\n"));
  const auto first = nlohmann::json::parse(Logged("json", "x", true));
  const auto second = nlohmann::json::parse(Logged("json", "x", true));
  EXPECT_EQ(second["reconcile"].get<int>(), first["reconcile"].get<int>() + 1);
}

TEST(LoggingTest, OtherThreadsCarryNone) {
  testing::internal::CaptureStderr();
  ASSERT_TRUE(SetUpLogging("info", "json").ok());
  {
    const ReconcileScope scope;
    std::thread([] { spdlog::info("elsewhere"); }).join();
  }
  EXPECT_FALSE(nlohmann::json::parse(testing::internal::GetCapturedStderr()).contains("reconcile"));
}

TEST(LoggingTest, JsonHoldsAnyBytes) {
  const auto line = nlohmann::json::parse(Logged("json", "a \"quote\", a\nline and \xff", false));
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["message"], "a \"quote\", a\nline and \xEF\xBF\xBD");
  EXPECT_THAT(line["time"].get<std::string>(), MatchesRegex(kTime));
}

TEST(LoggingTest, UnknownNamesAreRefusedWithTheWayOut) {
  const auto level = SetUpLogging("loud", "text");
  ASSERT_FALSE(level.ok());
  EXPECT_EQ(level.error().message(), "--log-level \"loud\": use trace, debug, info, warn or error");
  const auto format = SetUpLogging("info", "xml");
  ASSERT_FALSE(format.ok());
  EXPECT_EQ(format.error().message(), "--log-format \"xml\": use text or json");
}

}  // namespace
}  // namespace purser::observability
