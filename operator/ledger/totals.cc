#include "ledger/totals.h"

#include <algorithm>

namespace purser::ledger {

void Totals::Put(const std::string& id, const Coverage& coverage,
                 const std::vector<AgentSpend>& spent, const std::vector<MinuteSpend>& minutes) {
  Remove(id);
  auto tracked = std::make_unique<Tracked>();
  tracked->id = id;
  tracked->coverage = coverage;
  tracked->start_minute = MinuteOf(coverage.start);
  tracked->end_minute = MinuteNotBefore(coverage.end);
  for (const auto& agent : spent) {
    tracked->spent += agent.spent;
    tracked->agents[agent.agent] += agent.spent;
  }
  for (const auto& minute : minutes) tracked->recent.Add(minute.minute, minute.spent);
  Index(*tracked);
  tracked_[id] = std::move(tracked);
}

void Totals::Remove(const std::string& id) {
  const auto found = tracked_.find(id);
  if (found == tracked_.end()) return;
  TakeOffIndex(*found->second);
  tracked_.erase(found);
}

const Coverage* Totals::Find(const std::string& id) const {
  const auto found = tracked_.find(id);
  return found == tracked_.end() ? nullptr : &found->second->coverage;
}

std::optional<Total> Totals::Read(const std::string& id, Timestamp now) const {
  const auto found = tracked_.find(id);
  if (found == tracked_.end()) return std::nullopt;
  const Tracked& tracked = *found->second;
  Total total;
  total.spent = tracked.spent;
  total.last_hour = tracked.recent.Sum(now, std::chrono::hours(1));
  total.last_5_minutes = tracked.recent.Sum(now, std::chrono::minutes(5));
  total.agents.assign(tracked.agents.begin(), tracked.agents.end());
  std::stable_sort(total.agents.begin(), total.agents.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return total;
}

std::vector<std::string> Totals::Add(const std::vector<Increment>& increments) {
  std::vector<Tracked*> changed;
  Place place;  // reused: no allocation while source and namespace stay the same
  const Covering* covering = nullptr;
  bool first = true;
  for (const auto& increment : increments) {
    if (first || place.second != increment.key.ns || place.first != increment.key.source) {
      place = {increment.key.source, increment.key.ns};
      const auto found = covering_.find(place);
      covering = found == covering_.end() ? nullptr : &found->second;
      first = false;
    }
    if (covering == nullptr) continue;
    const std::int64_t minute = MinuteOf(increment.at);
    for (Tracked* tracked : covering->whole) Add(*tracked, minute, increment, changed);
    const auto agent = covering->by_agent.find(increment.key.agent);
    if (agent == covering->by_agent.end()) continue;
    for (Tracked* tracked : agent->second) Add(*tracked, minute, increment, changed);
  }
  std::vector<std::string> ids;
  ids.reserve(changed.size());
  for (Tracked* tracked : changed) {
    tracked->changed = false;
    ids.push_back(tracked->id);
  }
  return ids;
}

void Totals::Add(Tracked& tracked, std::int64_t minute, const Increment& increment,
                 std::vector<Tracked*>& changed) {
  const bool inside = minute >= tracked.start_minute && minute < tracked.end_minute;
  if (inside) {
    tracked.spent += increment.cost;
    const auto agent = tracked.agents.find(increment.key.agent);
    if (agent != tracked.agents.end()) {
      agent->second += increment.cost;
    } else {
      tracked.agents.emplace(increment.key.agent, increment.cost);
    }
  }
  const bool recent = tracked.recent.Add(minute, increment.cost);
  if ((!inside && !recent) || tracked.changed) return;
  tracked.changed = true;
  changed.push_back(&tracked);
}

void Totals::Index(Tracked& tracked) {
  auto& covering = covering_[{tracked.coverage.source, tracked.coverage.ns}];
  if (tracked.coverage.whole_namespace) {
    covering.whole.push_back(&tracked);
    return;
  }
  for (const auto& agent : tracked.coverage.agents) covering.by_agent[agent].push_back(&tracked);
}

void Totals::TakeOffIndex(const Tracked& tracked) {
  const auto place = covering_.find({tracked.coverage.source, tracked.coverage.ns});
  if (place == covering_.end()) return;
  auto& covering = place->second;
  std::erase(covering.whole, &tracked);
  if (!tracked.coverage.whole_namespace) {
    for (const auto& name : tracked.coverage.agents) {
      const auto agent = covering.by_agent.find(name);
      if (agent == covering.by_agent.end()) continue;
      std::erase(agent->second, &tracked);
      if (agent->second.empty()) covering.by_agent.erase(agent);
    }
  }
  if (covering.empty()) covering_.erase(place);
}

}  // namespace purser::ledger
