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

Amounts Counted(Counts counts, const Amounts& meter, const Amounts& records) {
  switch (counts) {
    case Counts::kMeter:
      return meter;
    case Counts::kRecords:
      return records;
    case Counts::kHigher:
      break;
  }
  return HigherOf(meter, records);
}

std::optional<Counts> Totals::PairOf(const std::string& source) const {
  const auto found = pairs_.find(source);
  return found == pairs_.end() ? std::nullopt : std::optional(found->second);
}

void Totals::Put(const std::string& id, const Coverage& coverage, const Booked& booked,
                 const Booked& records, const std::vector<JournalEntry>& doubts) {
  Remove(id);
  auto tracked = std::make_unique<Tracked>();
  tracked->id = id;
  tracked->coverage = coverage;
  tracked->start_minute = MinuteOf(coverage.start);
  tracked->end_minute = MinuteNotBefore(coverage.end);
  if (const auto counts = PairOf(coverage.source)) {
    tracked->records = std::make_unique<Tracked::Records>();
    tracked->records->source = RecordsOf(coverage.source);
    tracked->records->counts = *counts;
  }
  for (const auto& agent : booked.spent) AddTo(*tracked, false, agent.agent, agent.spent);
  for (const auto& minute : booked.minutes) tracked->recent.Add(minute.minute, minute.spent);
  if (tracked->records) {
    for (const auto& agent : records.spent) AddTo(*tracked, true, agent.agent, agent.spent);
    for (const auto& minute : records.minutes)
      tracked->records->recent.Add(minute.minute, minute.spent);
  }
  for (const auto& doubt : doubts) CountDoubt(*tracked, doubt, Direction::kAdd);
  Index(*tracked);
  tracked_[id] = std::move(tracked);
}

// What counts of an agent goes by both of its sums: the difference of before and after is added.
void Totals::AddTo(Tracked& tracked, bool records, const std::string& agent,
                   const Amounts& amounts) {
  if (!tracked.records) {
    tracked.spent += amounts;
    tracked.agents[agent] += amounts;
    return;
  }
  auto& [source, counts, of_records, recent, both] = *tracked.records;
  auto& mine = tracked.agents[agent];
  auto& theirs = of_records[agent];
  const auto spent = Counted(counts, mine, theirs);
  const auto higher = HigherOf(mine, theirs);
  (records ? theirs : mine) += amounts;
  (records ? both.records : both.meter) += amounts;
  both.higher += HigherOf(mine, theirs) - higher;
  tracked.spent += Counted(counts, mine, theirs) - spent;
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
  if (const auto& records = tracked.records) {
    const auto count = [&](const Amounts& meter, const Amounts& of_records) {
      return Counted(records->counts, meter, of_records);
    };
    total.last_hour = count(total.last_hour, records->recent.Sum(now, std::chrono::hours(1)));
    total.last_5_minutes =
        count(total.last_5_minutes, records->recent.Sum(now, std::chrono::minutes(5)));
    total.dearest_minute = count(total.dearest_minute, records->recent.Dearest(now));
    total.both = records->both;
  }
  return total;
}

Amounts Totals::Recent(const std::string& id, Timestamp now, Duration span) const {
  const auto found = tracked_.find(id);
  if (found == tracked_.end()) return Amounts();
  const auto recent = found->second->recent.Sum(now, span);
  const auto& records = found->second->records;
  return records ? Counted(records->counts, recent, records->recent.Sum(now, span)) : recent;
}

Ledger::AgentTotals Totals::Agents(const std::string& id, std::size_t most) const {
  Ledger::AgentTotals totals;
  const auto found = tracked_.find(id);
  if (found == tracked_.end()) return totals;
  // The names stand in the total; what counts of two meters is made here.
  std::vector<std::pair<const std::string*, Amounts>> agents;
  const auto& records = found->second->records;
  for (const auto& [name, meter] : found->second->agents) {
    const auto spent = records ? Counted(records->counts, meter, records->agents.at(name)) : meter;
    if (!spent.IsZero()) agents.emplace_back(&name, spent);
  }
  totals.count = agents.size();
  const auto last = agents.begin() + static_cast<std::ptrdiff_t>(std::min(most, agents.size()));
  std::partial_sort(agents.begin(), last, agents.end(), [](const auto& a, const auto& b) {
    return a.second.cost != b.second.cost ? a.second.cost > b.second.cost : *a.first < *b.first;
  });
  for (auto i = agents.begin(); i != last; ++i) totals.dearest.push_back({*i->first, i->second});
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
    const auto& records = found->second->records;
    const bool of_it = coverage.source == key.source || (records && records->source == key.source);
    if (of_it && coverage.ns == key.ns && CoversKind(coverage, key.model, key.task, key.workflow))
      Add(*found->second, increment, increment.amounts);
  }
}

void Totals::Add(Tracked& tracked, const Increment& increment, const Amounts& amounts) {
  const std::int64_t minute = MinuteOf(increment.at);
  if (!CoversAgentAt(tracked.coverage, increment.key.agent, minute)) return;
  const bool inside = tracked.Covers(minute);
  const bool records = tracked.records && tracked.records->source == increment.key.source;
  if (inside) AddTo(tracked, records, increment.key.agent, amounts);
  const bool recent = (records ? tracked.records->recent : tracked.recent).Add(minute, amounts);
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
  IndexOf(tracked.coverage.source, tracked);
  if (tracked.records) IndexOf(tracked.records->source, tracked);
}

void Totals::IndexOf(const std::string& source, Tracked& tracked) {
  auto& covering = covering_[{source, tracked.coverage.ns}];
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
  TakeOffIndexOf(tracked.coverage.source, tracked);
  if (tracked.records) TakeOffIndexOf(tracked.records->source, tracked);
}

void Totals::TakeOffIndexOf(const std::string& source, const Tracked& tracked) {
  const auto place = covering_.find({source, tracked.coverage.ns});
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
