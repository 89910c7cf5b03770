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
#include "kube/object/object_meta.h"
#include "ledger/ledger.h"

namespace purser::controllers {

// What ends with the last pod may be scraped and read this much later.
inline constexpr std::chrono::seconds kSettleAfterStop{60};

struct StoppedAgent {
  std::string name;    // as in the spend data
  std::string source;  // of its spend
  Timestamp since;     // since when none of its pods runs, or its limit is 0
};

struct SpentAfterStop {
  std::string agent;
  Amounts spent;
  Timestamp since;  // counted from then
};

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
