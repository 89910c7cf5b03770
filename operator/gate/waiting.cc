#include "gate/waiting.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace purser::gate {

void Waiting::Add(Request request, Timestamp now) {
  const auto arrival = next_arrival_++;
  queues_[request.ns][request.agent].ids.emplace(arrival, request.id);
  ++sizes_[request.ns];
  const bool present = request.waits;
  auto id = request.id;
  by_id_.emplace(std::move(id), Ticket{std::move(request), arrival, present, now + kKeepsPlace});
}

void Waiting::Enter(const std::string& id) {
  if (const auto found = by_id_.find(id); found != by_id_.end()) found->second.present = true;
}

void Waiting::Leave(const std::string& id, Timestamp now) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  found->second.present = false;
  found->second.keeps_until = now + kKeepsPlace;
}

void Waiting::Remove(const std::string& id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  const auto& request = found->second.request;
  queues_[request.ns][request.agent].ids.erase(found->second.arrival);
  if (--sizes_[request.ns] == 0) sizes_.erase(request.ns);
  by_id_.erase(found);
}

const Ticket* Waiting::Find(const std::string& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &found->second;
}

std::size_t Waiting::PositionOf(const std::string& id) const {
  const auto* ticket = Find(id);
  if (ticket == nullptr) return 0;
  const auto& ids = queues_.at(ticket->request.ns).at(ticket->request.agent).ids;
  return static_cast<std::size_t>(std::distance(ids.begin(), ids.find(ticket->arrival))) + 1;
}

std::size_t Waiting::SizeOf(const std::string& ns) const {
  const auto found = sizes_.find(ns);
  return found == sizes_.end() ? 0 : found->second;
}

std::size_t Waiting::SizeOf(const std::string& ns, const std::string& agent) const {
  const auto queues = queues_.find(ns);
  if (queues == queues_.end()) return 0;
  const auto queue = queues->second.find(agent);
  return queue == queues->second.end() ? 0 : queue->second.ids.size();
}

std::vector<std::string> Waiting::Namespaces() const {
  std::vector<std::string> names;
  for (const auto& [ns, size] : sizes_) names.push_back(ns);
  return names;
}

std::vector<std::pair<std::string, std::string>> Waiting::Forget(Timestamp now) {
  std::vector<std::pair<std::string, std::string>> keys;
  std::vector<std::string> gone;
  for (const auto& [id, ticket] : by_id_) {
    if (ticket.present || ticket.keeps_until > now) continue;
    keys.emplace_back(ticket.request.ns, ticket.request.key);
    gone.push_back(id);
  }
  for (const auto& id : gone) Remove(id);
  return keys;
}

void Waiting::Served(const std::string& ns, const std::string& agent) {
  queues_[ns][agent].served = next_served_++;
  ++turns_[ns];
}

void Waiting::Shrink(std::size_t most) {
  std::size_t queues = 0;
  for (const auto& [ns, agents] : queues_) queues += agents.size();
  if (queues <= most) return;
  for (auto& [ns, agents] : queues_)
    std::erase_if(agents, [](const auto& agent) { return agent.second.ids.empty(); });
  std::erase_if(queues_, [](const auto& one) { return one.second.empty(); });
  std::erase_if(turns_, [this](const auto& one) { return !queues_.contains(one.first); });
}

const Ticket* Waiting::FirstPresent(const Queue& queue) const {
  for (const auto& [arrival, id] : queue.ids) {
    const auto& ticket = by_id_.at(id);
    if (ticket.present) return &ticket;
  }
  return nullptr;
}

bool Waiting::HumbleFirst(const std::string& ns) const {
  const auto found = turns_.find(ns);
  return found != turns_.end() && found->second % kTurnOfTheHumble == kTurnOfTheHumble - 1;
}

std::vector<const Ticket*> Waiting::InOrder(std::vector<Turn> turns, bool humble_first) {
  std::sort(turns.begin(), turns.end(), [](const Turn& a, const Turn& b) {
    return std::tuple(-static_cast<std::int64_t>(a.priority), a.served, a.ticket->arrival) <
           std::tuple(-static_cast<std::int64_t>(b.priority), b.served, b.ticket->arrival);
  });
  // Those behind the highest priority have their order too: the first of them goes.
  const auto humble = std::find_if(turns.begin(), turns.end(), [&](const Turn& turn) {
    return turn.priority < turns.front().priority;
  });
  if (humble_first && humble != turns.end()) std::rotate(turns.begin(), humble, std::next(humble));
  std::vector<const Ticket*> order;
  order.reserve(turns.size());
  for (const auto& turn : turns) order.push_back(turn.ticket);
  return order;
}

}  // namespace purser::gate
