#include "usage/prometheus/counter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace purser::usage {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Timestamp kStart{1'800'000'000s};

Sample At(Duration after, std::int64_t nanos) { return {kStart + after, Money::FromNanos(nanos)}; }
Booking Booked(Duration after, std::int64_t nanos) {
  return {kStart + after, Money::FromNanos(nanos)};
}

CounterCursor CursorAt(Duration after, std::int64_t nanos) {
  CounterCursor cursor;
  cursor.last_time = kStart + after;
  cursor.last_value = Money::FromNanos(nanos);
  return cursor;
}

class CounterTest : public ::testing::Test {
 protected:
  CounterStep Run(const std::optional<CounterCursor>& before, const std::vector<Sample>& samples) {
    bookings_.clear();
    return Step(rules_, before, samples, bookings_);
  }
  CounterRules rules_;
  std::vector<Booking> bookings_;
};

TEST_F(CounterTest, BooksDifferences) {
  const auto step = Run(CursorAt(0s, 10), {At(15s, 10), At(60s, 12), At(120s, 20)});
  EXPECT_THAT(bookings_, ElementsAre(Booked(60s, 2), Booked(120s, 8)));
  EXPECT_EQ(step.cursor, CursorAt(120s, 20));
  EXPECT_TRUE(step.moved);
  EXPECT_EQ(step.resets, 0);
}

TEST_F(CounterTest, GathersAMinuteAtItsLastSample) {
  Run(CursorAt(0s, 0), {At(15s, 1), At(30s, 3), At(45s, 3), At(60s, 6)});
  EXPECT_THAT(bookings_, ElementsAre(Booked(30s, 3), Booked(60s, 3)));
}

TEST_F(CounterTest, DoesNotMixWithEarlierBookings) {
  bookings_ = {Booked(10s, 100)};
  const std::vector<Sample> samples = {At(15s, 5)};
  Step(rules_, CursorAt(0s, 0), samples, bookings_);
  EXPECT_THAT(bookings_, ElementsAre(Booked(10s, 100), Booked(15s, 5)));
}

TEST_F(CounterTest, CountsAFirstValueUnlessToldOtherwise) {
  auto step = Run(std::nullopt, {At(0s, 7), At(15s, 9)});
  EXPECT_THAT(bookings_, ElementsAre(Booked(15s, 9)));
  EXPECT_TRUE(step.moved);
  rules_.count_new_series = false;
  step = Run(std::nullopt, {At(0s, 7), At(15s, 9)});
  EXPECT_THAT(bookings_, ElementsAre(Booked(15s, 2)));
  step = Run(std::nullopt, {At(0s, 0)});
  EXPECT_THAT(bookings_, IsEmpty());
  EXPECT_TRUE(step.moved);
}

TEST_F(CounterTest, DropsWhatWasSeen) {
  const auto cursor = CursorAt(30s, 9);
  const auto step = Run(cursor, {At(0s, 3), At(15s, 5), At(30s, 9)});
  EXPECT_THAT(bookings_, IsEmpty());
  EXPECT_FALSE(step.moved);
  EXPECT_EQ(step.cursor, cursor);
  EXPECT_EQ(Run(cursor, {}).cursor, cursor);
}

TEST_F(CounterTest, AValueThatStandsStillMovesOnlyTime) {
  const auto step = Run(CursorAt(0s, 9), {At(15s, 9), At(30s, 9)});
  EXPECT_FALSE(step.moved);
  EXPECT_EQ(step.cursor, CursorAt(30s, 9));
}

TEST_F(CounterTest, AResetAddsTheWholeValue) {
  const auto step = Run(CursorAt(0s, 10), {At(60s, 12), At(120s, 1), At(180s, 4)});
  EXPECT_THAT(bookings_, ElementsAre(Booked(60s, 2), Booked(120s, 1), Booked(180s, 3)));
  EXPECT_EQ(step.resets, 1);
  EXPECT_EQ(step.cursor.recent_resets, 1);
  EXPECT_EQ(step.cursor.first_recent_reset, kStart + 120s);
}

TEST_F(CounterTest, AResetToZeroBooksNothing) {
  const auto step = Run(CursorAt(0s, 10), {At(60s, 0)});
  EXPECT_THAT(bookings_, IsEmpty());
  EXPECT_TRUE(step.moved);
}

TEST_F(CounterTest, SeldomResetsAreCrashes) {
  // One every 80 s, more than five scrapes apart.
  std::vector<Sample> samples;
  for (int i = 1; i <= 40; ++i) samples.push_back(At(i * 80s, i % 2));
  const auto step = Run(CursorAt(0s, 5), samples);
  EXPECT_FALSE(step.cursor.suspended);
  EXPECT_EQ(step.resets, 21);
}

TEST_F(CounterTest, SeveralWritersSuspendBooking) {
  // Two counters near 100 and near 50 take turns.
  std::vector<Sample> samples;
  for (int i = 1; i <= 20; ++i) samples.push_back(At(i * 7500ms, i % 2 != 0 ? 100 + i : 50 + i));
  auto step = Run(CursorAt(0s, 50), samples);
  EXPECT_TRUE(step.became_suspended);
  EXPECT_TRUE(step.cursor.suspended);
  Money invented;
  for (const auto& booking : bookings_) invented += booking.cost;
  EXPECT_LT(invented, Money::FromNanos(600));  // three resets' worth, not ten

  // Nothing is booked while it goes on.
  const auto suspended = step.cursor;
  step = Run(suspended, {At(160s, 300), At(170s, 80), At(180s, 400)});
  EXPECT_THAT(bookings_, IsEmpty());
  EXPECT_TRUE(step.cursor.suspended);
  EXPECT_FALSE(step.became_suspended);

  // Five scrapes without a step down: on from the value then.
  step = Run(step.cursor, {At(190s, 410), At(240s, 500), At(245s, 600), At(260s, 650)});
  EXPECT_TRUE(step.resumed);
  EXPECT_FALSE(step.cursor.suspended);
  EXPECT_EQ(step.cursor.recent_resets, 0);
  EXPECT_THAT(bookings_, ElementsAre(Booked(260s, 50)));
}

TEST_F(CounterTest, ResumingIsRememberedThoughTheValueStandsStill) {
  auto cursor = CursorAt(0s, 5);
  cursor.suspended = true;
  cursor.first_recent_reset = kStart - 60s;
  const auto step = Run(cursor, {At(15s, 5)});
  EXPECT_TRUE(step.resumed);
  EXPECT_TRUE(step.moved);
  EXPECT_THAT(bookings_, IsEmpty());
}

}  // namespace
}  // namespace purser::usage
