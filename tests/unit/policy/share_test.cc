#include "policy/share.h"

#include <gtest/gtest.h>

namespace purser::policy {
namespace {

using Counts = std::vector<std::int32_t>;

PoolDemand Pool(std::string name, std::int32_t priority, std::int32_t maximum, Counts agents) {
  return {{"agents", std::move(name)}, priority, maximum, std::move(agents)};
}

struct Case {
  const char* name;
  std::int32_t allowed;
  std::vector<PoolDemand> demands;
  std::vector<Counts> want;
};

TEST(ShareTest, Table) {
  const Case cases[] = {
      {"no pools", 10, {}, {}},
      {"nothing allowed", 0, {Pool("a", 0, 5, {5})}, {{0}}},
      {"less than nothing allowed", -1, {Pool("a", 0, 5, {5})}, {{0}}},
      {"enough for all", 100, {Pool("a", 0, 5, {3, 2}), Pool("b", 0, 4, {9})}, {{3, 2}, {4}}},
      {"a pool without agents", 5, {Pool("a", 0, 5, {})}, {{}}},
      {"evenly inside a pool", 10, {Pool("a", 0, 20, {8, 8, 8})}, {{4, 3, 3}}},
      {"a small agent leaves the rest", 10, {Pool("a", 0, 20, {8, 1, 8})}, {{5, 1, 4}}},
      {"the pool's own ceiling", 100, {Pool("a", 0, 5, {8, 8})}, {{3, 2}}},
      {"the higher priority is served first",
       8,
       {Pool("low", 10, 20, {20}), Pool("high", 100, 6, {20})},
       {{2}, {6}}},
      {"one each before more",
       3,
       {Pool("low", 10, 20, {20, 20}), Pool("high", 100, 20, {20})},
       {{1, 1}, {1}}},
      {"too little for one each: by priority",
       2,
       {Pool("low", 10, 20, {20}), Pool("high", 100, 20, {20, 20})},
       {{0}, {1, 1}}},
      {"equal priority: by key when it does not go round",
       1,
       {Pool("b", 5, 20, {20}), Pool("a", 5, 20, {20})},
       {{0}, {1}}},
      {"equal priority shares evenly",
       10,
       {Pool("a", 5, 20, {20}), Pool("b", 5, 20, {20})},
       {{5}, {5}}},
      {"equal priority, one of them small",
       10,
       {Pool("a", 5, 2, {20}), Pool("b", 5, 20, {20})},
       {{2}, {8}}},
      {"an agent that may do nothing", 10, {Pool("a", 0, 20, {0, 4, -2})}, {{0, 4, 0}}},
      {"a pool that may do nothing", 10, {Pool("a", 0, 0, {4}), Pool("b", 0, -3, {4})}, {{0}, {0}}},
  };
  for (const auto& c : cases) {
    const auto shares = Share(c.allowed, c.demands);
    ASSERT_EQ(shares.size(), c.want.size()) << c.name;
    for (std::size_t i = 0; i < shares.size(); ++i) {
      EXPECT_EQ(shares[i].agents, c.want[i]) << c.name << ", pool " << i;
      std::int32_t sum = 0;
      for (const auto agent : shares[i].agents) sum += agent;
      EXPECT_EQ(shares[i].total, sum) << c.name << ", pool " << i;
    }
  }
}

TEST(ShareTest, TheCostDoesNotGrowWithTheAllowance) {
  constexpr auto kMost = std::numeric_limits<std::int32_t>::max();
  const auto shares =
      Share(kMost, {Pool("a", 1, kMost, {kMost, kMost}), Pool("b", 0, kMost, {kMost})});
  EXPECT_EQ(shares[0].total + shares[1].total, kMost);
  EXPECT_EQ(shares[0].total, kMost - 1);
  EXPECT_EQ(shares[1].total, 1);
}

}  // namespace
}  // namespace purser::policy
