// What holds by hysteresis holds over restarts, of every subject, not only of those that the status
// names.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "unit/controllers/control/stage.h"

namespace purser::controllers {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Json = nlohmann::json;

constexpr int kAgents = 27;  // the status names 20

Money Cents(std::int64_t cents) { return Money::FromNanos(cents * Money::kNanosPerDollar / 100); }

class HoldsTest : public testing::Test {
 protected:
  HoldsTest() {
    std::vector<std::string> names;
    for (int i = 0; i < kAgents; ++i) {
      names.push_back("agent-" + std::to_string(i));
      stage_.Deployment(names.back(), 2);
    }
    stage_.Pool("team", names);
    stage_.Budget("each", {{"limit", "10"},
                           {"window", {{"type", "Rolling"}, {"period", "10m"}}},
                           {"scope", {{"pools", {"team"}}, {"per", "Agent"}}}});
    stage_.Start();
    stage_.Pass(seconds(30));
  }
  void SpendEach(std::int64_t cents) {
    for (int i = 0; i < kAgents; ++i) stage_.Spend("agent-" + std::to_string(i), Cents(cents + i));
  }
  int Stopped() const {
    int stopped = 0;
    for (int i = 0; i < kAgents; ++i) stopped += stage_.Replicas("agent-" + std::to_string(i)) == 0;
    return stopped;
  }

  Stage stage_;
};

TEST_F(HoldsTest, OfThoseBeyondTheWorstTwentyToo) {
  SpendEach(100);
  stage_.Pass(minutes(6));
  SpendEach(920);
  stage_.Pass(seconds(30));
  ASSERT_EQ(Stopped(), kAgents);
  stage_.Pass(minutes(5));  // the first amount has left the window: above nine tenths, below all
  ASSERT_EQ(Stopped(), kAgents);
  stage_.Start();
  stage_.Pass(seconds(30));
  EXPECT_EQ(Stopped(), kAgents) << "a restart restores nobody";
  stage_.Start();
  stage_.Pass(seconds(30));
  EXPECT_EQ(Stopped(), kAgents) << "nor a second one";
  stage_.Pass(minutes(15));  // all has left, and five minutes more
  EXPECT_EQ(Stopped(), 0);
  stage_.Start();
  stage_.Pass(seconds(30));
  EXPECT_EQ(Stopped(), 0);
}

}  // namespace
}  // namespace purser::controllers
