// What budgets over agents that move and are renamed have spent: a list, added up by brute force.
#pragma once

#include <date/tz.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "api/agent_budget.h"
#include "ledger/store.h"
#include "unit/controllers/year_of_meters.h"

namespace purser::controllers {

inline constexpr std::array<const char*, 3> kPools = {"a", "b", "c"};
inline constexpr int kNowhere = -1;

// One workload, under whatever name.
struct Agent {
  std::string name;
  int pool = kNowhere;
  int names = 1;
};

class SpendByHand {
 public:
  const std::vector<Agent>& agents() const { return agents_; }

  void Add(const Agent& agent) {
    agents_.push_back(agent);
    moves_[agent.name] = {{0, agent.pool}};
  }

  // From this minute on it is there, or nowhere.
  void Move(std::size_t number, int to, std::int64_t since) {
    agents_[number].pool = to;
    MoveName(agents_[number].name, to, since);
  }

  // From this minute on it is called otherwise, where it is.
  void Rename(std::size_t number, std::int64_t since) {
    auto& agent = agents_[number];
    MoveName(agent.name, kNowhere, since);
    agent.name = "agent-" + std::to_string(number) + "-" + std::to_string(agent.names++);
    moves_[agent.name] = {{0, agent.pool}};
  }

  void Take(std::vector<TrueSpend> spent, const std::string& source) {
    for (auto& one : spent) {
      Entry entry{std::move(one), source};
      entry.minute = ledger::MinuteOf(entry.spend.at);
      entry.pool = PoolAt(moves_[entry.spend.name], entry.minute);
      const auto after = [](Timestamp at, const Entry& other) { return at < other.spend.at; };
      spent_.insert(std::upper_bound(spent_.begin(), spent_.end(), entry.spend.at, after),
                    std::move(entry));
    }
  }

  // What the meters tell after that is not known yet.
  void ReadUntil(Timestamp time) { read_until_ = time; }

  // Of each kind of token the plain sum, without the policy's own measure.
  static std::int64_t Counted(const api::AgentBudgetSpec& spec, const Amounts& amounts) {
    if (spec.unit == Unit::kUsd) return amounts.cost.nanos();
    if (spec.unit == Unit::kRequests) return amounts.calls;
    std::int64_t sum = 0;
    if (spec.tokens.kind != api::TokenKind::kInput) sum += amounts.output_tokens;
    if (spec.tokens.kind != api::TokenKind::kOutput) {
      sum += amounts.input_tokens;
      if (spec.tokens.cached == api::CachedTokens::kIgnore) sum -= amounts.cached_tokens;
    }
    return sum;
  }

  // In [start, end): of all of the scope, or of a pool or an agent.
  std::int64_t Sum(const api::AgentBudgetSpec& spec, api::Per per, const std::string& subject,
                   Timestamp start, Timestamp end) const {
    std::size_t agent = agents_.size();
    for (std::size_t i = 0; i < agents_.size(); ++i) {
      if (agents_[i].name == subject) agent = i;
    }
    std::int64_t sum = 0;
    const auto before = [](const Entry& entry, Timestamp at) { return entry.spend.at < at; };
    for (auto i = std::lower_bound(spent_.begin(), spent_.end(), start, before);
         i != spent_.end() && i->spend.at < end; ++i) {
      if (i->source != spec.source) continue;
      if (i->source == "default" && i->spend.at > read_until_) continue;  // nobody knows of it yet
      const bool counts =
          per == api::Per::kTotal ? Covers(spec, i->pool)
          : per == api::Per::kPool
              ? i->pool != kNowhere && kPools[static_cast<std::size_t>(i->pool)] == subject
              : CountsForAgent(spec, *i, agent, subject);
      if (!counts) continue;
      if (!spec.scope.models.empty() && i->spend.model != "opus") continue;
      if (!spec.scope.tasks.empty() && i->spend.task != "t") continue;
      sum += Counted(spec, i->spend.amounts);
    }
    return sum;
  }

  // Where the day, week or month began, a quarter of an hour after the other.
  static Timestamp StartOf(Timestamp now, const api::WindowSpec& spec) {
    const auto* zone = date::locate_zone(spec.time_zone);
    const auto id = [&](Timestamp at) -> std::int64_t {
      const auto local = std::chrono::floor<date::days>(
          zone->to_local(date::sys_time<Duration>(at.time_since_epoch())));
      const date::year_month_day day(local);
      if (spec.period == api::Period::kDay) return local.time_since_epoch().count();
      if (spec.period == api::Period::kMonth)
        return std::int64_t{int{day.year()}} * 12 + unsigned{day.month()};
      // 1970-01-01 was a Thursday.
      return (local.time_since_epoch().count() + 3 - (static_cast<int>(spec.week_start) - 1) + 7) /
             7;
    };
    const Duration quarter = std::chrono::minutes(15);
    Timestamp start(now.time_since_epoch() / quarter * quarter);
    const auto own = id(now);
    while (id(start - quarter) == own) start -= quarter;
    return start;
  }

 private:
  // Of one name: from which minute on it was where.
  using Moves = std::vector<std::pair<std::int64_t, int>>;
  struct Entry {
    TrueSpend spend;
    std::string source;
    std::int64_t minute = 0;
    int pool = kNowhere;  // to which it counts
  };

  static bool Covers(const api::AgentBudgetSpec& spec, int pool) {
    return spec.scope.pools.front() == "*" || pool == 0 || pool == 1;
  }

  // What it spent under its name; and under former ones in the pools, for it is the same workload.
  static bool CountsForAgent(const api::AgentBudgetSpec& spec, const Entry& entry,
                             std::size_t agent, const std::string& name) {
    if (entry.spend.agent != agent) return false;
    if (entry.spend.name == name) return Covers(spec, entry.pool);
    return entry.pool != kNowhere && Covers(spec, entry.pool);
  }

  // Where it was at that minute; where it came next, if it was in none.
  static int PoolAt(const Moves& moves, std::int64_t minute) {
    int pool = kNowhere;
    for (const auto& [since, to] : moves) {
      if (since > minute && pool != kNowhere) break;
      pool = to;
    }
    return pool;
  }

  void MoveName(const std::string& name, int to, std::int64_t since) {
    auto& moves = moves_[name];
    moves.emplace_back(since, to);
    for (auto& entry : spent_) {
      if (entry.spend.name == name) entry.pool = PoolAt(moves, entry.minute);
    }
  }

  std::vector<Agent> agents_;
  std::map<std::string, Moves> moves_;  // by name
  std::vector<Entry> spent_;            // by time
  Timestamp read_until_{};
};

}  // namespace purser::controllers
