#include "controllers/metering/meter_watch.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "api/text_form.h"
#include "controllers/resources.h"

namespace purser::controllers {
namespace {

constexpr Duration kTellEvery = std::chrono::hours(1);
constexpr std::size_t kMostNamesHere = 100;
constexpr std::size_t kMostNamesElsewhere = 1000;
constexpr std::size_t kMostNamespaces = 200;
// Of a namespace's spend, from which on its pools are told.
constexpr std::int64_t kTellFromPercent = 5;

std::string IdOf(const std::string& source, const std::string& ns) {
  return kUnclaimedTotal + source + "/" + ns;
}

ledger::SourceHealth::State Worse(ledger::SourceHealth::State a, ledger::SourceHealth::State b) {
  using State = ledger::SourceHealth::State;
  for (const auto state : {State::kNeverRead, State::kLost}) {
    if (a == state || b == state) return state;
  }
  return State::kHealthy;
}

}  // namespace

MeterWatch::MeterWatch(Dependencies dependencies) : on_(std::move(dependencies)) {}

bool MeterWatch::Claimed(const std::string& ns, const std::string& agent) const {
  return !on_.caches.PoolsNaming(ns, kPoolsByAgent, AgentIndexValue(ns, agent)).empty();
}

std::vector<WatchedAgent> MeterWatch::Watched(const api::AgentPool& pool,
                                              const std::map<std::string, Timestamp>& before,
                                              Timestamp now) {
  std::vector<WatchedAgent> agents;
  agents.reserve(pool.spec.agents.size());
  for (const auto& agent : pool.spec.agents) {
    // Nobody spends under the name of those that have none of their own.
    if (agent.name == api::kOtherAgents) continue;
    WatchedAgent watched{agent.name, NameOf(agent.workload_ref), std::nullopt};
    const auto look = [&](const api::WorkloadRef& reference) {
      const auto workload = on_.caches.Workload(pool.meta.ns, reference);
      if (!workload || workload->replicas == 0 || workload->Resting()) return;
      const auto id = WorkloadIndexValue(pool.meta.ns, reference);
      const auto known = before.find(id);
      const auto since = known == before.end() ? now : known->second;
      running_since_[id] = since;
      if (!watched.running_since || since < *watched.running_since) watched.running_since = since;
    };
    look(agent.workload_ref);
    for (const auto& other : agent.others) look(other);
    agents.push_back(std::move(watched));
  }
  return agents;
}

MeterWatch::Unnamed MeterWatch::UnnamedOf(const ledger::SourceHealth& health) const {
  Unnamed unnamed;
  if (!health.meters) return unnamed;
  Unclaimed::Elsewhere by_agent;
  for (const auto& [key, seen] : health.meters->seen) {
    const auto& [ns, agent] = key;
    if (Claimed(ns, agent)) continue;
    auto& here = unnamed.by_namespace[ns];
    if (here.size() < kMostNamesHere) here.push_back(agent);
    // Only who is in no pool is told to others: what a tenant's pools name is his own.
    if (by_agent.size() < kMostNamesElsewhere) by_agent[agent].push_back(ns);
  }
  unnamed.by_agent = std::make_shared<const Unclaimed::Elsewhere>(std::move(by_agent));
  return unnamed;
}

void MeterWatch::LookAtPools(const std::map<std::string, ledger::SourceHealth>& healths,
                             Timestamp now) {
  const auto running = std::exchange(running_since_, {});
  std::map<Place, std::shared_ptr<const Metering>> looked;
  const auto pools = on_.caches.AllPools();
  std::set<kube::ObjectKey> budgets_to_queue;
  std::set<kube::ObjectKey> pools_to_queue;
  std::set<kube::ObjectKey> looked_at;
  for (const auto& pool : pools) {
    if (pool->invalid || pool->meta.deleting) continue;
    const auto agents = Watched(*pool, running, now);
    const auto key = pool->meta.key();
    if (!looked_at_.contains(key)) pools_to_queue.insert(key);
    looked_at.insert(key);
    for (const auto& budget : on_.caches.BudgetsNaming(*pool)) {
      const auto& source = budget->spec.source;
      const auto health = healths.find(source);
      if (health == healths.end()) continue;
      const Place place{key, source};
      auto& metering = looked[place];
      if (!metering) {
        const auto& unnamed = unnamed_[source];
        Unclaimed unclaimed{{}, unnamed.by_agent};
        if (const auto here = unnamed.by_namespace.find(pool->meta.ns);
            here != unnamed.by_namespace.end())
          unclaimed.here = here->second;
        metering = std::make_shared<const Metering>(MeteringOf(
            pool->meta.ns, agents, health->second, on_.silences.at(source), unclaimed, now));
      }
      const auto before = Of(key, source);
      if (before && *before == *metering) continue;
      budgets_to_queue.insert(budget->meta.key());
      pools_to_queue.insert(key);
    }
  }
  {
    const std::lock_guard lock(mutex_);
    // One whose last budget is gone.
    for (const auto& [place, metering] : meterings_) {
      if (!looked.contains(place) && looked_at.contains(place.first))
        pools_to_queue.insert(place.first);
    }
    looked_at_ = std::move(looked_at);
    meterings_ = std::move(looked);
  }
  for (const auto& budget : budgets_to_queue) on_.enqueue_budget(budget);
  for (const auto& pool : pools_to_queue) on_.enqueue_pool(pool);
}

void MeterWatch::LookAtUnclaimed(const std::string& source, const ledger::SourceHealth& health,
                                 std::vector<UnclaimedSpend>& into) {
  std::size_t namespaces = 0;
  for (const auto& [ns, names] : unnamed_[source].by_namespace) {
    if (++namespaces > kMostNamespaces) break;
    const auto id = IdOf(source, ns);
    const ledger::Coverage all{source, ns, true, {}, Timestamp(), Timestamp::max()};
    // A store that cannot be read is told by others; the next look tries again.
    if (!on_.ledger.Track(id, all).ok()) continue;
    tracked_.insert(id);
    const auto total = on_.ledger.Read(id, on_.clock.Now());
    std::vector<UnclaimedSpend> here;
    for (const auto& agent : on_.ledger.Agents(id, kMostUnclaimed).dearest) {
      if (agent.spent.cost > Money() && !Claimed(ns, agent.agent))
        here.push_back({source, ns, agent.agent, agent.spent.cost});
    }
    if (total) Tell(source, ns, total->spent.cost, here, health);
    into.insert(into.end(), here.begin(), here.end());
  }
}

void MeterWatch::Tell(const std::string& source, const std::string& ns, Money of_all,
                      const std::vector<UnclaimedSpend>& spends,
                      const ledger::SourceHealth& health) {
  if (spends.empty()) return;
  const auto now = on_.clock.Now();
  const auto told = told_.find(IdOf(source, ns));
  if (told != told_.end() && now - told->second < kTellEvery && now >= told->second) return;
  told_[IdOf(source, ns)] = now;
  Money sum;
  for (const auto& spend : spends) sum += spend.spent;
  const auto& dearest = spends.front();
  std::string message = sum.ToDollars() + " of " + of_all.ToDollars() + " spent in namespace " +
                        (ns.empty() ? "(none)" : ns) +
                        " is of agents that no AgentPool names, most of it (" +
                        dearest.spent.ToDollars() + ") of \"" + dearest.agent +
                        "\": nothing limits it; name it in a pool, or correct the label where the "
                        "metric is made";
  if (const auto found = health.meters->findings.find({ns, dearest.agent});
      found != health.meters->findings.end()) {
    for (const auto& finding : found->second) {
      if (finding.reason == "HonorLabels") message += "; " + finding.message;
    }
  }
  spdlog::warn("source={} {}", source, message);
  if (!ReachesPercent(sum, of_all, kTellFromPercent)) return;
  TellNamespace(ns, message);
}

// On what people look at there: pools, budgets where there are none, else the namespace.
void MeterWatch::TellNamespace(const std::string& ns, const std::string& message) {
  std::vector<kube::ObjectReference> where;
  for (const auto& pool : on_.caches.pools.ByIndex(kPoolsByNamespace, ns))
    where.push_back(ReferenceTo(*pool));
  if (where.empty()) {
    on_.caches.budgets.ForEach([&](const auto& budget) {
      if (budget->meta.ns == ns) where.push_back(ReferenceTo(*budget));
    });
  }
  // The name is a label's: whatever somebody wrote into the spend data.
  if (where.empty() && api::DnsLabel(ns).empty()) where.push_back({"v1", "Namespace", ns, ns, ""});
  for (const auto& object : where)
    on_.events.Record(object, kube::EventType::kWarning, "UnclaimedSpend", "Meter", message);
}

void MeterWatch::Look() {
  const auto now = on_.clock.Now();
  std::map<std::string, ledger::SourceHealth> healths;
  std::vector<UnclaimedSpend> spends;
  const auto before = std::exchange(tracked_, {});
  for (const auto& [source, silence] : on_.silences) {
    const auto& health = healths[source] = on_.ledger.Health(source);
    unnamed_[source] = UnnamedOf(health);
    if (health.meters) LookAtUnclaimed(source, health, spends);
  }
  for (const auto& id : before) {
    if (!tracked_.contains(id)) on_.ledger.Untrack(id);
  }
  std::sort(spends.begin(), spends.end(),
            [](const auto& a, const auto& b) { return a.spent > b.spent; });
  if (spends.size() > kMostUnclaimed) spends.resize(kMostUnclaimed);
  {
    const std::lock_guard lock(mutex_);
    spends_ = std::move(spends);
  }
  LookAtPools(healths, now);
}

std::shared_ptr<const Metering> MeterWatch::Of(const kube::ObjectKey& pool,
                                               const std::string& source) const {
  const std::lock_guard lock(mutex_);
  const auto found = meterings_.find({pool, source});
  return found == meterings_.end() ? nullptr : found->second;
}

std::vector<MeterIssue> MeterWatch::IssuesOf(
    const std::vector<std::shared_ptr<const Metering>>& meterings) {
  std::set<std::string> metered;
  for (const auto& metering : meterings)
    metered.insert(metering->metered.begin(), metering->metered.end());
  std::vector<MeterIssue> issues;
  for (const auto& metering : meterings) {
    for (const auto& issue : metering->issues) {
      const bool told = std::any_of(issues.begin(), issues.end(), [&](const MeterIssue& other) {
        return other.agent == issue.agent && other.reason == issue.reason;
      });
      const bool silent = issue.reason == "NoSamples" || issue.reason == "NeverSeen";
      if (!told && !(silent && metered.contains(issue.agent))) issues.push_back(issue);
    }
  }
  return issues;
}

std::optional<PoolMetering> MeterWatch::OfPool(const kube::ObjectKey& pool) const {
  std::vector<std::shared_ptr<const Metering>> meterings;
  {
    const std::lock_guard lock(mutex_);
    if (!looked_at_.contains(pool)) return std::nullopt;
    for (auto it = meterings_.lower_bound({pool, ""});
         it != meterings_.end() && it->first.first == pool; ++it)
      meterings.push_back(it->second);
  }
  PoolMetering all;
  for (const auto& metering : meterings)
    all.state = all.state ? Worse(*all.state, metering->state) : metering->state;
  all.issues = IssuesOf(meterings);
  return all;
}

std::vector<UnclaimedSpend> MeterWatch::UnclaimedSpends() const {
  const std::lock_guard lock(mutex_);
  return spends_;
}

}  // namespace purser::controllers
