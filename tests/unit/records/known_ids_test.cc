#include "usage/records/known_ids.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace purser::usage::records {
namespace {

using std::chrono::hours;
const Timestamp kNow(hours(500'000));

TEST(KnownIdsTest, EachOnceInItsNamespace) {
  KnownIds ids({1, 2}, 1'000'000);
  EXPECT_TRUE(ids.Insert(ids.IdOf("a", "x"), kNow));
  EXPECT_FALSE(ids.Insert(ids.IdOf("a", "x"), kNow));
  EXPECT_TRUE(ids.Insert(ids.IdOf("b", "x"), kNow));
  EXPECT_NE(ids.IdOf("ab", "c"), ids.IdOf("a", "bc"));
  EXPECT_NE(KnownIds({1, 3}, 10).IdOf("a", "x"), ids.IdOf("a", "x")) << "the key decides";
}

// The paper's own: key 00..0f, message 00..0e. Our message holds a zero between the two texts.
TEST(KnownIdsTest, TheHashIsSipHash) {
  const KnownIds ids({0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL}, 10);
  std::string rest;
  for (char c = 1; c < 15; ++c) rest += c;
  EXPECT_EQ(ids.IdOf("", rest), 0xa129ca6149be45e5ULL);
}

TEST(KnownIdsTest, ManyAreKnownAndLetGo) {
  KnownIds ids({1, 2}, 1'000'000);
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(ids.Insert(ids.IdOf("a", std::to_string(i)), kNow));
  for (int i = 0; i < 100'000; i += 3) ids.Remove(ids.IdOf("a", std::to_string(i)));
  for (int i = 0; i < 100'000; ++i)
    ASSERT_EQ(ids.Insert(ids.IdOf("a", std::to_string(i)), kNow), i % 3 == 0) << i;
  EXPECT_EQ(ids.size(), 100'000U);
}

TEST(KnownIdsTest, AreKnownForADayAndForgottenAfterIt) {
  KnownIds ids({1, 2}, 1'000'000);
  const auto id = ids.IdOf("a", "x");
  ids.Insert(id, kNow);
  for (int hour = 0; hour <= 24; ++hour) {
    ids.Tidy(kNow + hours(hour));
    ASSERT_FALSE(ids.Insert(id, kNow + hours(hour))) << hour;
  }
  for (int i = 0; i < 64; ++i) ids.Tidy(kNow + hours(27));
  EXPECT_EQ(ids.size(), 0U);
  ids.Insert(id, kNow + hours(27));
  ids.Tidy(kNow + hours(27 + 200));
  EXPECT_EQ(ids.size(), 0U) << "after a long silence at once";
}

TEST(KnownIdsTest, WhereThereIsNoRoomTheOldestGo) {
  KnownIds ids({1, 2}, 1000);
  for (int i = 0; i < 800; ++i) ids.Insert(ids.IdOf("a", std::to_string(i)), kNow - hours(2));
  for (int i = 800; i < 1600; ++i) ids.Insert(ids.IdOf("a", std::to_string(i)), kNow);
  for (int i = 0; i < 30; ++i) ids.Tidy(kNow);
  EXPECT_EQ(ids.size(), 800U);
  EXPECT_GT(ids.horizon(), kNow - hours(2));
  EXPECT_LE(ids.horizon(), kNow);
  EXPECT_FALSE(ids.Insert(ids.IdOf("a", "900"), kNow));
}

}  // namespace
}  // namespace purser::usage::records
