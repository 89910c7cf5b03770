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
  // What of a source with two meters counts.
  void Pair(const std::string& source, Counts counts) { pairs_[source] = counts; }
  std::optional<Counts> PairOf(const std::string& source) const;

  // What is booked so far of one meter.
  struct Booked {
    std::vector<AgentSpend> spent;
    std::vector<MinuteSpend> minutes;
  };
  // Starts or replaces a total. `records`: of a source with two meters, else empty.
  void Put(const std::string& id, const Coverage& coverage, const Booked& booked,
           const Booked& records, const std::vector<JournalEntry>& doubts);
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
    // Of a source with two meters: what its records told. The above is then the counter's, but
    // `spent`, which is what counts.
    struct Records {
      std::string source;
      Counts counts = Counts::kHigher;
      std::unordered_map<std::string, Amounts> agents;
      RecentMinutes recent;
      BothMeters both;
    };
    std::unique_ptr<Records> records;
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
  void IndexOf(const std::string& source, Tracked& tracked);
  void TakeOffIndex(const Tracked& tracked);
  void TakeOffIndexOf(const std::string& source, const Tracked& tracked);
  static void AddTo(Tracked& tracked, bool records, const std::string& agent,
                    const Amounts& amounts);
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
  std::map<std::string, Counts> pairs_;
};

// What of two meters counts.
Amounts Counted(Counts counts, const Amounts& meter, const Amounts& records);

// Whether a coverage counts spend of this key at this time.
bool Covers(const Coverage& coverage, const SpendKey& key, Timestamp at);

}  // namespace purser::ledger
