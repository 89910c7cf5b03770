// A zone that the API server knows and the operator does not: told, and nobody else is held up.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "unit/controllers/control/stage.h"

namespace purser::controllers {
namespace {

TEST(UnknownZoneTest, IsToldWithTheNearestAndHoldsUpNobody) {
  Stage stage;
  stage.Deployment("worker", 5);
  stage.Pool("team", {"worker"});
  stage.Budget("zone", {{"limit", "1"}, {"window", {{"timeZone", "America/NewYork"}}}});
  stage.Budget("nothing", {{"limit", "0"}});
  stage.Start();
  stage.Pass(std::chrono::seconds(75));
  EXPECT_EQ(stage.ConditionOf("agentbudgets", "zone", "Ready"), "False/UnknownTimeZone");
  std::string told;
  const auto status = stage.StatusOf("agentbudgets", "zone");
  for (const auto& one : status["conditions"]) {
    if (one["type"] == "Ready") told = one["message"];
  }
  EXPECT_NE(told.find("America/New_York"), std::string::npos) << told;
  EXPECT_EQ(stage.Replicas("worker"), 0) << "the other budget stops it";
}

}  // namespace
}  // namespace purser::controllers
