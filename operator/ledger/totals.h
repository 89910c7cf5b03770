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
  // Starts or replaces a total with what is booked so far and what is held.
  void Put(const std::string& id, const Coverage& coverage, const std::vector<AgentSpend>& spent,
           const std::vector<MinuteSpend>& minutes, const std::vector<JournalEntry>& doubts);
  void Remove(const std::string& id);
  const Coverage* Find(const std::string& id) const;
  std::optional<Total> Read(const std::string& id, Timestamp now) const;
  Amounts Recent(const std::string& id, Timestamp now, Duration span) const;
  Ledger::AgentTotals Agents(const std::string& id, std::size_t most) const;

  // Adds all increments, or takes them off again.
  enum class Direction { kAdd, kTakeOff };
  void Apply(const std::vector<Increment>& increments, Direction direction);
  // An amount begins to be held, or no longer is.
  void ApplyDoubt(const JournalEntry& entry, Direction direction);
  // Adds to one total only.
  void AddTo(const std::string& id, const std::vector<Increment>& increments);

  // The ids whose total or rate changed since the last call, each once (an old increment outside
  // the window may name one that did not).
  std::vector<std::string> TakeChanged();

 private:
  struct Tracked {
    std::string id;
    Coverage coverage;
    std::int64_t start_minute = 0;
    std::int64_t end_minute = 0;
    Amounts spent;
    std::unordered_map<std::string, Amounts> agents;
    RecentMinutes recent;
    Amounts in_doubt;
    std::int64_t doubts = 0;
    bool changed = false;  // is in changed_
    bool Covers(std::int64_t minute) const { return minute >= start_minute && minute < end_minute; }
  };
  // The totals that cover a namespace, or single agents of it.
  struct Covering {
    std::vector<Tracked*> whole;
    std::unordered_map<std::string, std::vector<Tracked*>> by_agent;
    bool empty() const { return whole.empty() && by_agent.empty(); }
  };
  using Place = std::pair<std::string, std::string>;  // source, namespace

  void Index(Tracked& tracked);
  void TakeOffIndex(const Tracked& tracked);
  void Mark(Tracked& tracked);
  // Calls visit(tracked) for each total that covers the key's agent.
  template <typename Visit>
  static void ForEachCovering(const Covering& covering, const std::string& agent,
                              const Visit& visit);
  void Add(Tracked& tracked, const Increment& increment, const Amounts& amounts);
  static void CountDoubt(Tracked& tracked, const JournalEntry& entry, Direction direction);

  std::unordered_map<std::string, std::unique_ptr<Tracked>> tracked_;
  std::map<Place, Covering> covering_;
  std::vector<Tracked*> changed_;
};

// Whether a coverage counts spend of this key at this time.
bool Covers(const Coverage& coverage, const SpendKey& key, Timestamp at);

}  // namespace purser::ledger
