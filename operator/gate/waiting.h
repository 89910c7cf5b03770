// Those that wait, in the order in which they are asked in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "gate/request.h"

namespace purser::gate {

struct Ticket {
  Request request;
  std::uint64_t arrival = 0;
  bool present = false;   // somebody waits for the answer
  Timestamp keeps_until;  // its place, while nobody does
};

// A queue for each agent of each namespace. Not thread-safe.
class Waiting {
 public:
  // So long a place is kept for one that went away.
  static constexpr Duration kKeepsPlace = std::chrono::seconds(15);
  // Of so many turns one goes to a pool that is not of the highest priority.
  static constexpr std::uint64_t kTurnOfTheHumble = 8;

  // At the end of its agent's queue. `request.id` is unknown so far.
  void Add(Request request, Timestamp now);
  // Somebody waits for it (again), or no longer does. Nothing where there is none.
  void Enter(const std::string& id);
  void Leave(const std::string& id, Timestamp now);
  void Remove(const std::string& id);
  const Ticket* Find(const std::string& id) const;
  // 1: the first of its agent.
  std::size_t PositionOf(const std::string& id) const;
  std::size_t size() const { return by_id_.size(); }
  std::size_t SizeOf(const std::string& ns) const;
  std::size_t SizeOf(const std::string& ns, const std::string& agent) const;
  std::vector<std::string> Namespaces() const;
  // Those that nobody came back for are taken out; their namespaces and keys.
  std::vector<std::pair<std::string, std::string>> Forget(Timestamp now);

  // The first present ticket of each agent of a namespace, in the order of their turns: by
  // `priority` of the agent, then who was served longest ago, then who came first.
  template <typename PriorityOf>
  std::vector<const Ticket*> Turns(const std::string& ns, const PriorityOf& priority_of) const;
  // It was its turn: the agent's next one comes after the others'.
  void Served(const std::string& ns, const std::string& agent);
  // Forgets when agents without tickets had their turn, once there are more than so many.
  void Shrink(std::size_t most);

 private:
  struct Queue {
    std::map<std::uint64_t, std::string> ids;  // by arrival
    std::uint64_t served = 0;
  };
  struct Turn {
    const Ticket* ticket = nullptr;
    std::int32_t priority = 0;
    std::uint64_t served = 0;
  };
  static std::vector<const Ticket*> InOrder(std::vector<Turn> turns, bool humble_first);
  const Ticket* FirstPresent(const Queue& queue) const;
  bool HumbleFirst(const std::string& ns) const;

  std::map<std::string, Ticket> by_id_;
  std::map<std::string, std::map<std::string, Queue>> queues_;  // namespace, agent
  std::map<std::string, std::uint64_t> turns_;                  // given in a namespace
  std::map<std::string, std::size_t> sizes_;                    // of a namespace
  std::uint64_t next_arrival_ = 1;
  std::uint64_t next_served_ = 1;
};

template <typename PriorityOf>
std::vector<const Ticket*> Waiting::Turns(const std::string& ns,
                                          const PriorityOf& priority_of) const {
  const auto queues = queues_.find(ns);
  if (queues == queues_.end()) return {};
  std::vector<Turn> turns;
  for (const auto& [agent, queue] : queues->second) {
    if (const auto* ticket = FirstPresent(queue))
      turns.push_back({ticket, priority_of(agent), queue.served});
  }
  return InOrder(std::move(turns), HumbleFirst(ns));
}

}  // namespace purser::gate
