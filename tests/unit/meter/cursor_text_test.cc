#include "usage/meter/cursor_text.h"

#include <gtest/gtest.h>

#include "unit/meter/random_world.h"

namespace purser::usage {
namespace {

Seconds RandomTime(Random& random) {
  return static_cast<Seconds>(1'800'000'000 + random.Below(100'000));
}
std::int64_t RandomAmount(Random& random) {
  return static_cast<std::int64_t>(random.Unit() * 9.2e18) >> random.Below(63);
}

Past RandomPast(Random& random) {
  const auto many = [&](std::size_t most) { return random.Below(static_cast<int>(most) + 1); };
  Past past;
  for (int i = many(Tracks::kMost); i > 0; --i)
    past.tracks.Append(RandomAmount(random), RandomTime(random));
  for (int i = many(Past::kMostSteps); i > 0; --i)
    past.steps.push_back({RandomTime(random), RandomAmount(random)});
  for (int i = many(Past::kMostClaims); i > 0; --i) {
    past.claims.push_back({static_cast<Claim::Of>(random.Below(3)),
                           static_cast<std::uint16_t>(random.Below(1000)), RandomTime(random),
                           RandomTime(random), RandomAmount(random)});
  }
  if (random.Chance(.5)) past.unsure = RandomAmount(random);
  if (random.Chance(.5)) past.missed = RandomAmount(random);
  return past;
}

Identity RandomIdentity(Random& random) {
  const auto time = [&] { return RandomTime(random); };
  const auto amount = [&] { return RandomAmount(random); };
  Identity identity;
  identity.time = 1'800'000'000'123 + random.Below(1'000'000);
  identity.persisted = SecondsOf(identity.at());
  identity.value = amount();
  identity.born = time();
  identity.leader = static_cast<std::uint32_t>(random.Below(2'000'000'000));
  identity.quantity = static_cast<Quantity>(random.Below(9));
  if (random.Chance(.5)) identity.top = amount();
  if (random.Chance(.5)) identity.low = amount();
  if (random.Chance(.5)) identity.past = std::make_shared<Past>(RandomPast(random));
  if (random.Chance(.5)) identity.start = time();
  if (random.Chance(.5)) identity.fell = time();
  if (random.Chance(.5)) identity.dipped = time();
  identity.changed = random.Chance(.5) ? time() : identity.persisted;
  identity.returns = static_cast<std::uint8_t>(random.Below(256));
  identity.changes = static_cast<std::uint8_t>(random.Below(256));
  identity.falls = static_cast<std::uint8_t>(random.Below(256));
  identity.rooted = random.Chance(.5);
  identity.handed_over = random.Chance(.5);
  identity.writers = random.Chance(.5);
  identity.not_counter = random.Chance(.5);
  identity.suspect = random.Chance(.5);
  identity.jumped = random.Chance(.5);
  identity.only_rose = random.Chance(.5);
  identity.took_over = random.Chance(.5);
  return identity;
}

TEST(CursorText, GivesBackWhatWasPut) {
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    const Identity identity = RandomIdentity(random);
    const auto text = EncodeIdentity(identity);
    ASSERT_LE(text.size(), ledger::kLongestCursor);
    for (const char c : text) ASSERT_TRUE(c > ' ' && c <= '~');
    const auto decoded = DecodeIdentity(text, identity.at());
    ASSERT_TRUE(decoded) << text;
    ASSERT_TRUE(*decoded == identity) << text;
  }
}

TEST(CursorText, AnOrdinaryOneIsShort) {
  Identity identity;
  identity.time = 1'800'000'000'000;
  identity.value = Dollars(812.40);
  identity.born = 1'799'900'000;
  identity.leader = 4'000'000'000;
  identity.rooted = true;
  EXPECT_LE(EncodeIdentity(identity).size(), 32u) << EncodeIdentity(identity);
}

TEST(CursorText, ReadsTheFormOfTheFirstMeter) {
  const auto identity = DecodeIdentity("v1:8258900000", kEpoch);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->value, 8'258'900'000);
  EXPECT_EQ(identity->at(), kEpoch);
  EXPECT_TRUE(identity->rooted);
}

TEST(CursorText, TakesNothingElse) {
  for (const auto* text : {"", "v1:", "v1:-1", "v1:1x", "v1:99999999999999999999", "v2:1", "1", "2",
                           "2A", "2AAAAAA!", "4AAAAA", "2zzzzzzzzzzzzzzzzzzzzzzzz", "2AAAAAAAAAAA"})
    EXPECT_FALSE(DecodeIdentity(text, kEpoch)) << text;
}

TEST(CursorText, AnythingIsSafeAndWhatIsReadIsWrittenTheSame) {
  Random random(7);
  constexpr std::string_view kLetters =
      "23ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_v:";
  for (int i = 0; i < 200'000; ++i) {
    std::string text = i % 2 == 0 ? "2" : "3";
    for (int n = random.Below(40); n > 0; --n)
      text += kLetters[static_cast<std::size_t>(random.Below(static_cast<int>(kLetters.size())))];
    const auto decoded = DecodeIdentity(text, kEpoch);
    if (!decoded) continue;
    ASSERT_GE(decoded->value, 0);
    const auto again = DecodeIdentity(EncodeIdentity(*decoded), kEpoch);
    ASSERT_TRUE(again && *again == *decoded) << text;
  }
}

}  // namespace
}  // namespace purser::usage
