// Running totals in memory, indexed so that an increment costs only the budgets that cover it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ledger/ledger.h"
#include "ledger/recent_minutes.h"
#include "ledger/store.h"

namespace purser::ledger {

// Not thread-safe: the ledger guards it.
class Totals {
 public:
  // Starts or replaces a total with what is booked so far.
  void Put(const std::string& id, const Coverage& coverage, const std::vector<AgentSpend>& spent,
           const std::vector<MinuteSpend>& minutes);
  void Remove(const std::string& id);
  const Coverage* Find(const std::string& id) const;
  std::optional<Total> Read(const std::string& id, Timestamp now) const;

  // Adds all increments; the ids whose total or rate changed, each once (an old increment outside
  // the window may name one that did not).
  std::vector<std::string> Add(const std::vector<Increment>& increments);

 private:
  struct Tracked {
    std::string id;
    Coverage coverage;
    std::int64_t start_minute = 0;
    std::int64_t end_minute = 0;
    Money spent;
    std::map<std::string, Money, std::less<>> agents;
    RecentMinutes recent;
    bool changed = false;  // inside Add only
  };
  // The totals that cover a namespace, or single agents of it.
  struct Covering {
    std::vector<Tracked*> whole;
    std::map<std::string, std::vector<Tracked*>, std::less<>> by_agent;
    bool empty() const { return whole.empty() && by_agent.empty(); }
  };
  using Place = std::pair<std::string, std::string>;  // source, namespace

  void Index(Tracked& tracked);
  void TakeOffIndex(const Tracked& tracked);
  static void Add(Tracked& tracked, std::int64_t minute, const Increment& increment,
                  std::vector<Tracked*>& changed);

  std::unordered_map<std::string, std::unique_ptr<Tracked>> tracked_;
  std::map<Place, Covering> covering_;
};

}  // namespace purser::ledger
