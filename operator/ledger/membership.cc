#include "ledger/membership.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "ledger/store.h"

namespace purser::ledger {

Memberships::Memberships(std::vector<Membership> known) { Apply(known); }

std::int64_t Memberships::LastOf(const Place& agent) const {
  std::int64_t last = kEver;
  const auto found = last_.find(agent);
  if (found == last_.end()) return last;
  for (const auto& [pool, until] : found->second) last = std::max(last, until);
  return last;
}

std::vector<Membership> Memberships::Changes(const std::vector<PoolMembers>& pools, Told told,
                                             Timestamp now) const {
  const std::int64_t next = MinuteNotBefore(now);
  std::vector<Membership> changes;
  if (told == Told::kAll) {
    std::set<Place> named;
    for (const auto& pool : pools) named.emplace(pool.ns, pool.pool);
    std::vector<PoolMembers> gone;
    for (const auto& [place, agents] : by_pool_) {
      if (!named.contains(place)) gone.push_back({place.first, place.second, {}});
    }
    changes = Changes(gone, Told::kThese, now);
  }
  std::set<Place> leaving;  // agents: who moves claims nothing of before
  std::vector<std::pair<const PoolMembers*, const Member*>> joining;
  for (const auto& pool : pools) {
    if (!pool.known) continue;
    std::map<std::string_view, const Member*> agents;
    for (const auto& member : pool.agents) agents.emplace(member.agent, &member);
    const auto known = by_pool_.find({pool.ns, pool.pool});
    std::set<std::string_view> members;
    if (known != by_pool_.end()) {
      for (const auto& [agent, intervals] : known->second) {
        const auto& [since, stay] = *intervals.rbegin();
        if (stay.until != kStill) continue;
        members.insert(agent);
        const auto is = agents.find(agent);
        if (is == agents.end()) {
          changes.push_back(
              {pool.ns, agent, pool.pool, since, std::max(since, next), stay.workload});
          leaving.emplace(pool.ns, agent);
        } else if (!is->second->workload.empty() && is->second->workload != stay.workload) {
          changes.push_back({pool.ns, agent, pool.pool, since, kStill, is->second->workload});
        }
      }
    }
    for (const auto& [agent, member] : agents) {
      if (!members.contains(agent)) joining.emplace_back(&pool, member);
    }
  }
  for (const auto& [pool, member] : joining)
    changes.push_back(Join(*pool, *member, next, leaving.contains({pool->ns, member->agent})));
  return changes;
}

std::optional<std::int64_t> Memberships::ClaimOf(const Place& agent, std::int64_t next) const {
  const auto look = [&](const auto& claims, std::int64_t minute) -> std::optional<std::int64_t> {
    const auto found = claims.find(agent);
    if (found == claims.end() || minute < next - 1 || minute > next) return std::nullopt;
    return found->second;
  };
  const auto newest = look(claims_, claims_minute_);
  return newest ? newest : look(claims_before_, claims_minute_ - 1);
}

void Memberships::KeepClaim(const Membership& one, std::int64_t next) {
  if (next != claims_minute_) {
    claims_before_.clear();
    if (next == claims_minute_ + 1) claims_before_.swap(claims_);
    claims_.clear();
    claims_minute_ = next;
  }
  claims_.emplace(Place{one.ns, one.agent}, one.since);
}

Membership Memberships::Join(const PoolMembers& pool, const Member& member, std::int64_t next,
                             bool moves) const {
  const auto& agent = member.agent;
  const std::int64_t last = LastOf({pool.ns, agent});
  const auto claim = moves ? std::nullopt : ClaimOf({pool.ns, agent}, next);
  const std::int64_t since = last == kStill ? claim.value_or(next) : last;
  const auto known = by_pool_.find({pool.ns, pool.pool});
  if (known != by_pool_.end()) {
    const auto before = known->second.find(agent);
    // Who comes back goes on as if he had never left.
    if (before != known->second.end()) {
      const auto& [began, stay] = *before->second.rbegin();
      if (stay.until == since) {
        return {pool.ns, agent,  pool.pool,
                began,   kStill, member.workload.empty() ? stay.workload : member.workload};
      }
    }
  }
  return {pool.ns, agent, pool.pool, since, kStill, member.workload};
}

std::vector<Membership> Memberships::Apply(const std::vector<Membership>& changes,
                                           std::optional<Timestamp> now) {
  std::set<std::string> namespaces;
  for (const auto& one : changes) {
    auto& intervals = by_pool_[{one.ns, one.pool}][one.agent];
    const auto before = intervals.find(one.since);
    const bool known = before != intervals.end();
    const bool stayed = known && before->second.until == kStill;
    if (known && !stayed) --ended_[one.ns];
    intervals[one.since] = {one.until, one.workload};
    if (one.until != kStill) ++ended_[one.ns];
    auto& last = last_[{one.ns, one.agent}][one.pool];
    last = intervals.rbegin()->second.until;
    namespaces.insert(one.ns);
    if (now && one.until == kStill && !stayed) KeepClaim(one, MinuteNotBefore(*now));
  }
  std::vector<Membership> dropped;
  for (const auto& ns : namespaces) {
    auto oldest = DropOldest(ns);
    dropped.insert(dropped.end(), oldest.begin(), oldest.end());
  }
  return dropped;
}

std::vector<Membership> Memberships::DropOldest(const std::string& ns) {
  // Some more at a time, so that it is seldom looked at.
  constexpr std::size_t kAtATime = kMostEnded / 10;
  std::vector<Membership> ended;
  if (ended_[ns] <= kMostEnded) return ended;
  for (auto i = by_pool_.lower_bound({ns, ""}); i != by_pool_.end() && i->first.first == ns; ++i) {
    for (const auto& [agent, intervals] : i->second) {
      for (const auto& [since, stay] : intervals) {
        if (stay.until != kStill)
          ended.push_back({ns, agent, i->first.second, since, stay.until, stay.workload});
      }
    }
  }
  std::sort(ended.begin(), ended.end(), [](const auto& a, const auto& b) {
    return std::tie(a.until, a) < std::tie(b.until, b);
  });
  ended.resize(std::min(ended.size(), ended.size() - kMostEnded + kAtATime));
  for (const auto& one : ended) {
    auto& agents = by_pool_[{ns, one.pool}];
    agents[one.agent].erase(one.since);
    if (!agents[one.agent].empty()) continue;
    agents.erase(one.agent);
    auto& pools = last_[{ns, one.agent}];
    pools.erase(one.pool);
    if (pools.empty()) last_.erase({ns, one.agent});
  }
  ended_[ns] -= ended.size();
  return ended;
}

std::vector<Membership> Memberships::Of(const std::string& ns, const std::string& pool) const {
  std::vector<Membership> members;
  const auto found = by_pool_.find({ns, pool});
  if (found == by_pool_.end()) return members;
  for (const auto& [agent, intervals] : found->second) {
    for (const auto& [since, stay] : intervals)
      members.push_back({ns, agent, pool, since, stay.until, stay.workload});
  }
  return members;
}

}  // namespace purser::ledger
