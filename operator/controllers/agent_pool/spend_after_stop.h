// Whether agents go on spending after they have been stopped: their pods are others than we think.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "controllers/agent_budget/still_spending.h"
#include "kube/object/object_meta.h"
#include "ledger/ledger.h"

namespace purser::controllers {

// What ends with the last pod may be scraped and read this much later.
inline constexpr std::chrono::seconds kSettleAfterStop{60};
// So long pods may take to end; what they spend later is spent after the stop, though they run.
inline constexpr std::chrono::seconds kGraceAfterStop{60};

struct StoppedAgent {
  std::string name;    // as in the spend data
  std::string source;  // of its spend
  Timestamp since;     // as EndOfStop says
  // For whoever reads what it spent; see SpentAfterStop.
  std::string workload{};
  std::int64_t running = 0;
  bool kept = false;
};

// From when an agent's spend is spend after its stop: when none of its pods runs any more (`ended`,
// at `now`), at the latest kGraceAfterStop after its replicas were taken (`taken`, drained).
// Nothing: it may end yet, at `taken` + kGraceAfterStop at the latest.
std::optional<Timestamp> EndOfStop(Timestamp taken, bool ended, Timestamp now);

// Thread-safe. `ledger` must outlive it.
class SpendAfterStop {
 public:
  explicit SpendAfterStop(ledger::Ledger& ledger) : ledger_(ledger) {}

  // Looks at what these agents of the pool spent since kSettleAfterStop after their stop, and keeps
  // looking until they are given no more. Of what cannot be read nothing is said.
  std::vector<SpentAfterStop> Look(const kube::ObjectKey& pool,
                                   const std::vector<StoppedAgent>& agents, Timestamp now);
  void Forget(const kube::ObjectKey& pool);

  // The pool whose totals the ledger tells of under this id; nothing: the id is not ours.
  static std::optional<kube::ObjectKey> PoolOf(const std::string& id);

 private:
  ledger::Ledger& ledger_;
  std::mutex mutex_;
  std::unordered_map<kube::ObjectKey, std::set<std::string>> tracked_;  // ids, by pool
};

}  // namespace purser::controllers
