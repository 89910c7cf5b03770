// The operator's own metrics (purser_*). Per-budget series are made at scrape time from what is
// known then, so they cost no memory between scrapes. Thread-safe.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace purser::observability {

// The values of the label `controller`.
inline constexpr const char* kBudgetController = "agentbudget";
inline constexpr const char* kPoolController = "agentpool";
inline constexpr const char* kBudgetStatusController = "agentbudget-status";
inline constexpr const char* kPoolStatusController = "agentpool-status";
inline constexpr const char* kCorrectionController = "spendcorrection";
inline constexpr const char* kOverrideController = "agentbudgetoverride";
inline constexpr const char* kControllers[] = {kBudgetController,       kPoolController,
                                               kBudgetStatusController, kPoolStatusController,
                                               kCorrectionController,   kOverrideController};

struct BudgetSample {
  std::string ns, name;
  double spent_usd = 0;
  double limit_usd = 0;
  double in_doubt_usd = 0;
  std::int32_t level = 0;  // 0 Normal … 4 Stopped
  // Of a budget in another unit ("Tokens", "Requests") those amounts are of it; "": of USD.
  std::string unit = {};
};

// Spend of an agent that no pool names.
struct UnclaimedSample {
  std::string source, ns, agent;
  double usd = 0;
};

struct PoolSample {
  std::string ns, name;
  std::int32_t concurrency = 0;
  std::int32_t maximum = 0;
  std::int32_t state = 0;                          // 0 Normal, 1 Ramping … 5 Stopped
  double after_stop_usd = 0;                       // spent by stopped agents since their stop
  std::map<std::string, std::int32_t> runaways{};  // by rule: how many agents break it
};

struct SourceSample {
  std::string name;
  bool healthy = false;
  double age_seconds = 0;  // since the last complete answer, or since reading began
  double series = 0;
  double unattributed_series = 0;  // without a namespace or an agent
  double shortened_series = 0;     // with a label longer than the ledger keeps
  double quarantined_series = 0;   // no numbers: not booked
  bool prices_stale = false;       // the file of prices cannot be read as it is now
  std::uint64_t polls = 0;
  std::uint64_t errors = 0;
  double last_duration_seconds = 0;
};

struct QueueSample {
  std::string controller;
  std::size_t depth = 0;
};

// What is asked at each scrape; called on the scraping thread.
struct Snapshots {
  std::function<std::vector<BudgetSample>()> budgets;
  std::function<std::vector<PoolSample>()> pools;
  std::function<std::vector<SourceSample>()> sources;
  std::function<std::vector<UnclaimedSample>()> unclaimed;  // bounded by who tells them
  std::function<std::vector<QueueSample>()> queues;
  std::function<bool()> leading;
};

struct BuildInfo {
  std::string version;
  std::string commit;
};

// With the process_* families and purser_build_info beside the operator's own.
class Metrics {
 public:
  explicit Metrics(const BuildInfo& build);

  // `controller`: one of kControllers.
  void Reconciled(const std::string& controller, double seconds, bool failed);
  void Decided(const std::string& level);              // a budget's level changed
  void ApiRequest(const std::string& verb, int code);  // code 0: no answer
  void EventDropped();
  void Panicked(const std::string& where);  // an exception was caught there: a controller, a watch

  void SetSnapshots(Snapshots snapshots);

  // The text exposition format (version 0.0.4).
  std::string Text() const;

 private:
  class SnapshotCollector;
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Histogram>& reconcile_seconds_;
  prometheus::Family<prometheus::Counter>& reconcile_errors_;
  prometheus::Family<prometheus::Counter>& decisions_;
  prometheus::Family<prometheus::Counter>& api_requests_;
  prometheus::Family<prometheus::Counter>& events_dropped_;
  prometheus::Family<prometheus::Counter>& panics_;
  std::shared_ptr<SnapshotCollector> snapshots_;
};

}  // namespace purser::observability
