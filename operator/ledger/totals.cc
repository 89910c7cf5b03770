#include "ledger/totals.h"

#include <algorithm>

namespace purser::ledger {
bool Covers(const Coverage& coverage, const SpendKey& key, Timestamp at) {
  const std::int64_t minute = MinuteOf(at);
  return coverage.source == key.source && coverage.ns == key.ns &&
         CoversKind(coverage, key.model, key.task, key.workflow) &&
         CoversAgentAt(coverage, key.agent, minute) && minute >= MinuteOf(coverage.start) &&
         minute < MinuteNotBefore(coverage.end);
}

void Totals::Put(const std::string& id, const Coverage& coverage,
                 const std::vector<AgentSpend>& spent, const std::vector<MinuteSpend>& minutes,
                 const std::vector<JournalEntry>& doubts) {
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
  for (const auto& doubt : doubts) CountDoubt(*tracked, doubt, Direction::kAdd);
  Index(*tracked);
  tracked_[id] = std::move(tracked);
}

void Totals::Remove(const std::string& id) {
  const auto found = tracked_.find(id);
  if (found == tracked_.end()) return;
  TakeOffIndex(*found->second);
  std::erase(changed_, found->second.get());
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
  total.in_doubt = tracked.in_doubt;
  total.doubts = tracked.doubts;
  total.last_hour = tracked.recent.Sum(now, std::chrono::hours(1));
  total.last_5_minutes = tracked.recent.Sum(now, std::chrono::minutes(5));
  total.dearest_minute = tracked.recent.Dearest(now);
  return total;
}

Amounts Totals::Recent(const std::string& id, Timestamp now, Duration span) const {
  const auto found = tracked_.find(id);
  return found == tracked_.end() ? Amounts() : found->second->recent.Sum(now, span);
}

Ledger::AgentTotals Totals::Agents(const std::string& id, std::size_t most) const {
  Ledger::AgentTotals totals;
  const auto found = tracked_.find(id);
  if (found == tracked_.end()) return totals;
  std::vector<const std::pair<const std::string, Amounts>*> agents;
  for (const auto& agent : found->second->agents) {
    if (!agent.second.IsZero()) agents.push_back(&agent);
  }
  totals.count = agents.size();
  const auto last = agents.begin() + static_cast<std::ptrdiff_t>(std::min(most, agents.size()));
  std::partial_sort(agents.begin(), last, agents.end(), [](const auto* a, const auto* b) {
    return a->second.cost != b->second.cost ? a->second.cost > b->second.cost : a->first < b->first;
  });
  for (auto i = agents.begin(); i != last; ++i)
    totals.dearest.push_back({(*i)->first, (*i)->second});
  return totals;
}

template <typename Visit>
void Totals::ForEachCovering(const Covering& covering, const std::string& agent,
                             const Visit& visit) {
  for (Tracked* tracked : covering.whole) visit(*tracked);
  const auto by_agent = covering.by_agent.find(agent);
  if (by_agent == covering.by_agent.end()) return;
  for (Tracked* tracked : by_agent->second) visit(*tracked);
}

void Totals::Apply(const std::vector<Increment>& increments, Direction direction) {
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
    const Amounts amounts =
        direction == Direction::kAdd ? increment.amounts : Amounts() - increment.amounts;
    ForEachCovering(*covering, increment.key.agent, [&](Tracked& tracked) {
      const auto& key = increment.key;
      if (CoversKind(tracked.coverage, key.model, key.task, key.workflow))
        Add(tracked, increment, amounts);
    });
  }
}

void Totals::ApplyDoubt(const JournalEntry& entry, Direction direction) {
  const auto found = covering_.find({entry.key.source, entry.key.ns});
  if (found == covering_.end()) return;
  ForEachCovering(found->second, entry.key.agent, [&](Tracked& tracked) {
    if (!CoversKind(tracked.coverage, entry.key.model, entry.key.task, entry.key.workflow)) return;
    CountDoubt(tracked, entry, direction);
    if (tracked.Covers(MinuteOf(entry.at))) Mark(tracked);
  });
}

void Totals::AddTo(const std::string& id, const std::vector<Increment>& increments) {
  const auto found = tracked_.find(id);
  if (found == tracked_.end()) return;
  for (const auto& increment : increments) {
    const auto& coverage = found->second->coverage;
    const auto& key = increment.key;
    if (coverage.source == key.source && coverage.ns == key.ns &&
        CoversKind(coverage, key.model, key.task, key.workflow))
      Add(*found->second, increment, increment.amounts);
  }
}

void Totals::Add(Tracked& tracked, const Increment& increment, const Amounts& amounts) {
  const std::int64_t minute = MinuteOf(increment.at);
  if (!CoversAgentAt(tracked.coverage, increment.key.agent, minute)) return;
  const bool inside = tracked.Covers(minute);
  if (inside) {
    tracked.spent += amounts;
    tracked.agents[increment.key.agent] += amounts;
  }
  const bool recent = tracked.recent.Add(minute, amounts);
  if (inside || recent) Mark(tracked);
}

void Totals::CountDoubt(Tracked& tracked, const JournalEntry& entry, Direction direction) {
  const std::int64_t minute = MinuteOf(entry.at);
  if (!tracked.Covers(minute) || !CoversAgentAt(tracked.coverage, entry.key.agent, minute)) return;
  if (direction == Direction::kAdd) {
    tracked.in_doubt += entry.amount;
    ++tracked.doubts;
  } else {
    tracked.in_doubt -= entry.amount;
    --tracked.doubts;
  }
}

void Totals::Mark(Tracked& tracked) {
  if (tracked.changed) return;
  tracked.changed = true;
  changed_.push_back(&tracked);
}

std::vector<std::string> Totals::TakeChanged() {
  std::vector<std::string> ids;
  ids.reserve(changed_.size());
  for (Tracked* tracked : changed_) {
    tracked->changed = false;
    ids.push_back(tracked->id);
  }
  changed_.clear();
  return ids;
}

void Totals::Index(Tracked& tracked) {
  auto& covering = covering_[{tracked.coverage.source, tracked.coverage.ns}];
  if (tracked.coverage.whole_namespace) {
    covering.whole.push_back(&tracked);
    return;
  }
  for (const auto& agent : tracked.coverage.agents) covering.by_agent[agent].push_back(&tracked);
  const std::string* last = nullptr;
  for (const auto& span : tracked.coverage.spans) {
    if (last != nullptr && *last == span.agent) continue;
    last = &span.agent;
    covering.by_agent[span.agent].push_back(&tracked);
  }
}

void Totals::TakeOffIndex(const Tracked& tracked) {
  const auto place = covering_.find({tracked.coverage.source, tracked.coverage.ns});
  if (place == covering_.end()) return;
  auto& covering = place->second;
  std::erase(covering.whole, &tracked);
  if (!tracked.coverage.whole_namespace) {
    const auto take_off = [&](const std::string& name) {
      const auto agent = covering.by_agent.find(name);
      if (agent == covering.by_agent.end()) return;
      std::erase(agent->second, &tracked);
      if (agent->second.empty()) covering.by_agent.erase(agent);
    };
    for (const auto& name : tracked.coverage.agents) take_off(name);
    for (const auto& span : tracked.coverage.spans) take_off(span.agent);
  }
  if (covering.empty()) covering_.erase(place);
}

}  // namespace purser::ledger
