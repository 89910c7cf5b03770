#include "policy/share.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace purser::policy {
namespace {

// The level w and remainder such that filling every capacity up to w uses `amount`: max-min
// fairness, found by bisection so that the cost does not grow with the amount. Capacities are what
// each can still take.
std::vector<std::int32_t> FillEvenly(std::int64_t amount,
                                     const std::vector<std::int32_t>& capacities) {
  const auto used_at = [&](std::int64_t level) {
    std::int64_t used = 0;
    for (const auto capacity : capacities) used += std::min<std::int64_t>(capacity, level);
    return used;
  };
  std::int64_t low = 0;
  std::int64_t high = std::numeric_limits<std::int32_t>::max();
  while (low < high) {
    const auto middle = low + (high - low + 1) / 2;
    if (used_at(middle) <= amount) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  std::vector<std::int32_t> given;
  given.reserve(capacities.size());
  for (const auto capacity : capacities) {
    given.push_back(static_cast<std::int32_t>(std::min<std::int64_t>(capacity, low)));
    amount -= given.back();
  }
  // Less than one each is left: the first who can take more get it.
  for (std::size_t i = 0; i < given.size() && amount > 0; ++i) {
    if (given[i] == capacities[i]) continue;
    ++given[i];
    --amount;
  }
  return given;
}

class Handout {
 public:
  Handout(std::int32_t allowed, const std::vector<PoolDemand>& demands)
      : left_(std::max(allowed, 0)),
        demands_(demands),
        shares_(demands.size()),
        order_(demands.size()) {
    for (std::size_t i = 0; i < demands.size(); ++i)
      shares_[i].agents.resize(demands[i].agents.size(), 0);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
      if (demands[a].priority != demands[b].priority)
        return demands[a].priority > demands[b].priority;
      return demands[a].pool < demands[b].pool;
    });
  }

  std::vector<PoolShare> Run() {
    for (const auto pool : order_) OneEach(pool);
    for (std::size_t begin = 0; begin < order_.size();) {
      std::size_t end = begin;
      while (end < order_.size() &&
             demands_[order_[end]].priority == demands_[order_[begin]].priority)
        ++end;
      GiveToPeers(begin, end);
      begin = end;
    }
    return std::move(shares_);
  }

 private:
  void OneEach(std::size_t pool) {
    auto& share = shares_[pool];
    for (std::size_t i = 0; i < share.agents.size(); ++i) {
      if (left_ == 0 || share.total >= demands_[pool].maximum) return;
      if (demands_[pool].agents[i] <= 0) continue;
      share.agents[i] = 1;
      ++share.total;
      --left_;
    }
  }

  // What a pool can still take: its own ceiling, or its agents'.
  std::int32_t Room(std::size_t pool) const {
    std::int64_t room = 0;
    for (std::size_t i = 0; i < shares_[pool].agents.size(); ++i) {
      room += std::max(0, demands_[pool].agents[i] - shares_[pool].agents[i]);
    }
    return static_cast<std::int32_t>(
        std::min<std::int64_t>(room, std::max(0, demands_[pool].maximum - shares_[pool].total)));
  }

  // Pools of one priority share evenly, their agents within each.
  void GiveToPeers(std::size_t begin, std::size_t end) {
    std::vector<std::int32_t> rooms;
    for (auto i = begin; i < end; ++i) rooms.push_back(Room(order_[i]));
    const auto given = FillEvenly(left_, rooms);
    for (auto i = begin; i < end; ++i) {
      const auto amount = given[i - begin];
      left_ -= amount;
      GiveToAgents(order_[i], amount);
    }
  }

  void GiveToAgents(std::size_t pool, std::int32_t amount) {
    auto& share = shares_[pool];
    std::vector<std::int32_t> rooms;
    for (std::size_t i = 0; i < share.agents.size(); ++i) {
      rooms.push_back(std::max(0, demands_[pool].agents[i] - share.agents[i]));
    }
    const auto given = FillEvenly(amount, rooms);
    for (std::size_t i = 0; i < given.size(); ++i) {
      share.agents[i] += given[i];
      share.total += given[i];
    }
  }

  std::int64_t left_;
  const std::vector<PoolDemand>& demands_;
  std::vector<PoolShare> shares_;
  std::vector<std::size_t> order_;
};

}  // namespace

std::vector<PoolShare> Share(std::int32_t allowed, const std::vector<PoolDemand>& demands) {
  return Handout(allowed, demands).Run();
}

}  // namespace purser::policy
