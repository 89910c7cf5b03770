// The limits in force, and what counts against them.
#include <algorithm>

#include "gate/gate.h"
#include "policy/measure.h"

namespace purser::gate {
namespace {

bool Names(const std::vector<std::string>& sorted, const std::string& name) {
  return sorted.empty() || std::binary_search(sorted.begin(), sorted.end(), name);
}

bool SameCoverage(const Row& a, const Row& b) {
  return a.ns == b.ns && a.whole_namespace == b.whole_namespace && a.agents == b.agents &&
         a.models == b.models && a.tasks == b.tasks && a.workflows == b.workflows &&
         a.unit == b.unit && a.tokens == b.tokens;
}

bool CallsNow(Phase phase) { return phase == Phase::kOpen; }

}  // namespace

bool Gate::CoversKind(const Row& row, const std::string& model, const std::string& task,
                      const std::string& workflow) {
  return Names(row.models, model) && Names(row.tasks, task) && Names(row.workflows, workflow);
}

void Gate::IndexRow(const Row& row, bool add) {
  const auto change = [&](auto& index, const auto& key) {
    if (add) {
      index[key].insert(row.id);
      return;
    }
    const auto found = index.find(key);
    if (found == index.end()) return;
    found->second.erase(row.id);
    if (found->second.empty()) index.erase(found);
  };
  if (row.whole_namespace) {
    change(rows_of_namespace_, row.ns);
    return;
  }
  for (const auto& agent : row.agents) change(rows_of_agent_, Place{row.ns, agent});
}

void Gate::Put(Row row) {
  const auto found = rows_.find(row.id);
  if (found != rows_.end() && SameCoverage(found->second.row, row)) {
    found->second.row = std::move(row);
    return;
  }
  if (found != rows_.end()) IndexRow(found->second.row, false);
  IndexRow(row, true);
  auto& state = rows_[row.id];
  state.row = std::move(row);
  Recount(state);
}

void Gate::RemoveRow(const std::string& id) {
  const auto found = rows_.find(id);
  if (found == rows_.end()) return;
  IndexRow(found->second.row, false);
  rows_.erase(found);
}

void Gate::Put(Agent agent) {
  Place place{agent.ns, agent.name};
  agents_[std::move(place)] = std::move(agent);
}
void Gate::RemoveAgent(const std::string& ns, const std::string& name) {
  agents_.erase({ns, name});
}
void Gate::Put(Pool pool) {
  Place place{pool.ns, pool.name};
  pools_[std::move(place)] = std::move(pool);
}
void Gate::RemovePool(const std::string& ns, const std::string& name) { pools_.erase({ns, name}); }

Quantity Gate::CountedIn(const Reservation& reservation, const Row& row) const {
  const auto estimate = policy::MeasureOf(reservation.estimate, row.unit, row.tokens);
  switch (reservation.phase) {
    case Phase::kCancelling:
      return reservation.lapsed ? Quantity() : estimate;
    case Phase::kOpen:
    case Phase::kExpired:
      return estimate;
    case Phase::kSettling: {
      const auto fact = policy::MeasureOf(reservation.fact, row.unit, row.tokens);
      if (reservation.lapsed) return std::max(fact - estimate, Quantity());
      return std::max(fact, estimate);
    }
    case Phase::kLapsed:
    case Phase::kSettled:
    case Phase::kCancelled:
      break;
  }
  return {};
}

void Gate::Count(const Reservation& reservation, int sign) {
  const auto add = [&](const RowState& state) {
    if (!CoversKind(state.row, reservation.model, reservation.task, reservation.workflow)) return;
    const auto counted = CountedIn(reservation, state.row);
    auto& reserved = rows_.at(state.row.id).reserved;
    reserved = sign > 0 ? reserved + counted : reserved - counted;
  };
  ForEachRow(reservation.ns, reservation.agent, add);
  if (!CallsNow(reservation.phase)) return;
  const Place place{reservation.ns, reservation.agent};
  if ((in_flight_[place] += sign) == 0) in_flight_.erase(place);
}

void Gate::Recount(RowState& state) {
  state.reserved = {};
  const auto live = live_.find(state.row.ns);
  if (live == live_.end()) return;
  const auto& row = state.row;
  for (const auto& id : live->second) {
    const auto& reservation = reservations_.at(id).reservation;
    const bool covers =
        (row.whole_namespace || (!row.agents.empty() && Names(row.agents, reservation.agent))) &&
        CoversKind(row, reservation.model, reservation.task, reservation.workflow);
    if (covers) state.reserved += CountedIn(reservation, row);
  }
}

const Reservation* Gate::Find(const std::string& id) const {
  const auto found = reservations_.find(id);
  return found == reservations_.end() ? nullptr : &found->second.reservation;
}
const Reservation* Gate::FindByKey(const std::string& ns, const std::string& key) const {
  const auto found = keys_.find({ns, key});
  return found == keys_.end() ? nullptr : Find(found->second);
}
const Row* Gate::FindRow(const std::string& id) const {
  const auto found = rows_.find(id);
  return found == rows_.end() ? nullptr : &found->second.row;
}
const Agent* Gate::FindAgent(const std::string& ns, const std::string& name) const {
  const auto found = agents_.find({ns, name});
  return found == agents_.end() ? nullptr : &found->second;
}
Quantity Gate::Reserved(const std::string& row) const {
  const auto found = rows_.find(row);
  return found == rows_.end() ? Quantity() : found->second.reserved;
}
std::int32_t Gate::InFlight(const std::string& ns, const std::string& agent) const {
  const auto found = in_flight_.find({ns, agent});
  return found == in_flight_.end() ? 0 : found->second;
}
std::size_t Gate::OpenOf(const std::string& ns) const {
  const auto found = live_.find(ns);
  return found == live_.end() ? 0 : found->second.size();
}

std::vector<std::string> Gate::Namespaces() const {
  std::set<std::string> names;
  for (const auto& [ns, ids] : live_) names.insert(ns);
  for (auto& ns : waiting_.Namespaces()) names.insert(ns);
  return {names.begin(), names.end()};
}

}  // namespace purser::gate
