// What holds for every handout, over random pools.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "policy/share.h"

namespace purser::policy {
namespace {

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}
  std::int32_t operator()(std::int32_t low, std::int32_t high) {
    return std::uniform_int_distribution<std::int32_t>(low, high)(random_);
  }
  std::mt19937_64& Engine() { return random_; }

 private:
  std::mt19937_64 random_;
};

std::vector<PoolDemand> RandomDemands(Draw& draw) {
  std::vector<PoolDemand> demands(static_cast<std::size_t>(draw(0, 6)));
  for (std::size_t i = 0; i < demands.size(); ++i) {
    demands[i].pool = {"agents", "pool-" + std::to_string(i)};
    demands[i].priority = draw(0, 2);
    demands[i].maximum = draw(0, 12);
    demands[i].agents.resize(static_cast<std::size_t>(draw(0, 6)));
    for (auto& agent : demands[i].agents) agent = draw(0, 8);
  }
  return demands;
}

std::int32_t Capacity(const PoolDemand& demand) {
  return std::min(demand.maximum, std::accumulate(demand.agents.begin(), demand.agents.end(), 0));
}

bool CanTakeMore(const PoolDemand& demand, const PoolShare& share, std::size_t agent) {
  return share.total < demand.maximum && share.agents[agent] < demand.agents[agent];
}

void CheckBounds(std::int32_t allowed, const std::vector<PoolDemand>& demands,
                 const std::vector<PoolShare>& shares) {
  ASSERT_EQ(shares.size(), demands.size());
  std::int32_t given = 0;
  std::int32_t capacity = 0;
  for (std::size_t p = 0; p < shares.size(); ++p) {
    ASSERT_EQ(shares[p].agents.size(), demands[p].agents.size());
    ASSERT_EQ(shares[p].total,
              std::accumulate(shares[p].agents.begin(), shares[p].agents.end(), 0));
    ASSERT_LE(shares[p].total, demands[p].maximum);
    for (std::size_t a = 0; a < shares[p].agents.size(); ++a) {
      ASSERT_GE(shares[p].agents[a], 0);
      ASSERT_LE(shares[p].agents[a], demands[p].agents[a]);
    }
    given += shares[p].total;
    capacity += Capacity(demands[p]);
  }
  // Never more than allowed, and nothing is left lying that somebody could use.
  ASSERT_EQ(given, std::min(allowed, capacity));
}

void CheckOrder(const std::vector<PoolDemand>& demands, const std::vector<PoolShare>& shares) {
  for (std::size_t p = 0; p < shares.size(); ++p) {
    for (std::size_t a = 0; a < shares[p].agents.size(); ++a) {
      if (!CanTakeMore(demands[p], shares[p], a)) continue;
      const bool starved = shares[p].agents[a] == 0;
      for (std::size_t q = 0; q < shares.size(); ++q) {
        for (const auto other : shares[q].agents) {
          // One each before more.
          if (starved) {
            ASSERT_LE(other, 1);
          }
          // A lower priority gets more than one each only when the higher can take no more.
          if (demands[q].priority < demands[p].priority) {
            ASSERT_LE(other, 1);
          }
        }
      }
      // Fair inside the pool: nobody is two ahead of one who could take more.
      for (const auto other : shares[p].agents) ASSERT_LE(other, shares[p].agents[a] + 1);
    }
  }
}

TEST(ShareProperty, BoundsOrderAndFairness) {
  Draw draw(20261123);
  for (int round = 0; round < 5000; ++round) {
    SCOPED_TRACE(round);
    const auto demands = RandomDemands(draw);
    const auto allowed = draw(0, 60);
    const auto shares = Share(allowed, demands);
    CheckBounds(allowed, demands, shares);
    CheckOrder(demands, shares);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(ShareProperty, ThePositionOfAPoolInTheListDoesNotMatter) {
  Draw draw(42);
  for (int round = 0; round < 1000; ++round) {
    const auto demands = RandomDemands(draw);
    const auto allowed = draw(0, 60);
    const auto shares = Share(allowed, demands);
    std::vector<std::size_t> order(demands.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), draw.Engine());
    std::vector<PoolDemand> shuffled;
    for (const auto i : order) shuffled.push_back(demands[i]);
    const auto again = Share(allowed, shuffled);
    for (std::size_t i = 0; i < order.size(); ++i) {
      ASSERT_EQ(again[i].agents, shares[order[i]].agents) << round;
    }
  }
}

TEST(ShareProperty, MoreAllowedTakesNothingFromAnybody) {
  Draw draw(43);
  for (int round = 0; round < 500; ++round) {
    const auto demands = RandomDemands(draw);
    std::vector<PoolShare> last = Share(0, demands);
    for (std::int32_t allowed = 1; allowed <= 40; ++allowed) {
      const auto shares = Share(allowed, demands);
      for (std::size_t p = 0; p < shares.size(); ++p) ASSERT_GE(shares[p].total, last[p].total);
      last = shares;
    }
  }
}

}  // namespace
}  // namespace purser::policy
