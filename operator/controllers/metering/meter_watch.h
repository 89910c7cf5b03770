// Watches, while leading, that who runs is metered and that who spends is in a pool.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "controllers/agent_budget/scope.h"
#include "controllers/caches.h"
#include "controllers/metering/metering.h"
#include "kube/events.h"
#include "ledger/ledger.h"

namespace purser::controllers {

// Spend of an agent that no pool names.
struct UnclaimedSpend {
  std::string source;
  std::string ns;
  std::string agent;
  Money spent;  // as long as the ledger reaches back
};

// What the ledger's totals of whole namespaces are called here; no budget has such an id.
inline constexpr const char* kUnclaimedTotal = "unclaimed:";

// Thread-safe; Look is called by one thread. What its dependencies refer to must outlive it.
class MeterWatch {
 public:
  struct Dependencies {
    Caches& caches;
    ledger::Ledger& ledger;
    kube::EventRecorder& events;
    Clock& clock;
    std::map<std::string, Duration> silences;  // SilenceOf, by source
    std::function<void(const kube::ObjectKey&)> enqueue_budget;
    std::function<void(const kube::ObjectKey&)> enqueue_pool;
  };
  explicit MeterWatch(Dependencies dependencies);

  // Judges every pool anew, and queues it and its budgets where something changed. Waits for the
  // disk when a namespace is the first time found to have unclaimed spend.
  void Look();

  // As of the last look; null: not looked at yet.
  std::shared_ptr<const Metering> Of(const kube::ObjectKey& pool, const std::string& source) const;
  // As of the last look; nothing: not looked at yet.
  std::optional<PoolMetering> OfPool(const kube::ObjectKey& pool) const;
  // The dearest, at most kMostUnclaimed.
  std::vector<UnclaimedSpend> UnclaimedSpends() const;
  static constexpr std::size_t kMostUnclaimed = 500;

 private:
  using Place = std::pair<kube::ObjectKey, std::string>;  // pool, source
  struct Unnamed {                                        // of one source
    std::map<std::string, std::vector<std::string>> by_namespace;
    std::shared_ptr<const Unclaimed::Elsewhere> by_agent;
  };

  // `before`: since when which workload runs, as of the last look.
  std::vector<WatchedAgent> Watched(const api::AgentPool& pool,
                                    const std::map<std::string, Timestamp>& before, Timestamp now);
  Unnamed UnnamedOf(const ledger::SourceHealth& health) const;
  bool Claimed(const std::string& ns, const std::string& agent) const;
  // Of issues over several sources: an agent that one of them meters is not missed by another.
  static std::vector<MeterIssue> IssuesOf(
      const std::vector<std::shared_ptr<const Metering>>& meterings);
  void LookAtPools(const std::map<std::string, ledger::SourceHealth>& healths, Timestamp now);
  void LookAtUnclaimed(const std::string& source, const ledger::SourceHealth& health,
                       std::vector<UnclaimedSpend>& into);
  void Tell(const std::string& source, const std::string& ns, Money of_all,
            const std::vector<UnclaimedSpend>& spends, const ledger::SourceHealth& health);
  void TellNamespace(const std::string& ns, const std::string& message);

  const Dependencies on_;
  // Of Look alone.
  std::map<std::string, Timestamp> running_since_;  // by workload
  std::map<std::string, Timestamp> told_;           // by id of a total
  std::set<std::string> tracked_;                   // ids of totals
  std::map<std::string, Unnamed> unnamed_;          // by source

  mutable std::mutex mutex_;
  std::set<kube::ObjectKey> looked_at_;  // pools
  std::map<Place, std::shared_ptr<const Metering>> meterings_;
  std::vector<UnclaimedSpend> spends_;
};

}  // namespace purser::controllers
