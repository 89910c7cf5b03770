#include "backtest/trial_day.h"

#include <gtest/gtest.h>

#include <sstream>

namespace purser::backtest {
namespace {

TEST(TrialDayTest, TheRunawayIsStoppedAndTheOthersGoOn) {
  Manifests manifests;
  ASSERT_TRUE(AddManifests(kTrialManifests, "trial", manifests).ok());
  const auto calls = TrialCalls();
  const auto replayed = Replay(manifests, calls, std::chrono::seconds(15));
  ASSERT_TRUE(replayed) << replayed.error().message();
  EXPECT_LE(replayed->all.spent.cost.nanos(), 60'000'000'000);
  EXPECT_GT(replayed->all.asked.cost.nanos(), 80'000'000'000);
  EXPECT_GT(replayed->agents.at("agents/scout").refused.calls, 100);
  for (const auto* name : {"agents/researcher", "agents/writer", "agents/coder", "agents/tester"})
    EXPECT_EQ(replayed->agents.at(name).refused.calls, 0) << name;
  std::istringstream frame(TrialFrame(calls, *replayed, replayed->to));
  for (std::string line; std::getline(frame, line);) EXPECT_LE(line.size(), 78U) << line;
}

}  // namespace
}  // namespace purser::backtest
