#include "backtest/picture.h"

#include <gtest/gtest.h>

namespace purser::backtest {
namespace {

TEST(PictureTest, TwoCurvesAndTheMarks) {
  Replayed replayed;
  replayed.from = Timestamp();
  replayed.to = Timestamp(std::chrono::hours(1));
  replayed.all.asked.cost = Money::FromNanos(20'000'000'000);
  replayed.all.spent.cost = Money::FromNanos(5'000'000'000);
  replayed.curve = {{replayed.from, Money(), Money()},
                    {replayed.to, replayed.all.asked.cost, replayed.all.spent.cost}};
  replayed.events.push_back({Timestamp(std::chrono::minutes(30)),
                             {"ns", "b"},
                             "<x>",
                             policy::Level::kNormal,
                             policy::Level::kStopped,
                             ""});
  const auto svg = PictureOf(replayed);
  EXPECT_NE(svg.find("<title>Asked $20.00, would have spent $5.00</title>"), std::string::npos);
  EXPECT_NE(svg.find("70.0,360.0 880.0,50.0"), std::string::npos);
  EXPECT_NE(svg.find("70.0,360.0 880.0,282.5"), std::string::npos);
  EXPECT_NE(svg.find(">Stopped</text>"), std::string::npos);
  EXPECT_EQ(svg.find("<x>"), std::string::npos);
}

TEST(PictureTest, NothingAskedIsNoDivision) {
  EXPECT_NE(PictureOf(Replayed()).find("$0.00"), std::string::npos);
}

}  // namespace
}  // namespace purser::backtest
