#include "controllers/agent_pool/spend_after_stop.h"

#include <algorithm>
#include <utility>

#include "ledger/store.h"

namespace purser::controllers {
namespace {

// No budget's id begins so: a namespace has no such character.
constexpr std::string_view kPrefix = "after-stop:";
constexpr std::size_t kMostTold = 20;
// Longer than any stop.
constexpr std::chrono::hours kLookFor{24 * 400};

std::string IdOf(const kube::ObjectKey& pool, const std::string& source, Timestamp start) {
  return std::string(kPrefix) + pool.ToString() + "@" + std::to_string(ledger::MinuteOf(start)) +
         "@" + source;
}

// Whole minutes, as the ledger counts: nothing of before is taken for after.
Timestamp StartOf(Timestamp since) {
  return Timestamp(std::chrono::minutes(ledger::MinuteNotBefore(since + kSettleAfterStop)));
}

}  // namespace

std::optional<Timestamp> EndOfStop(Timestamp taken, bool ended, Timestamp now) {
  const auto latest = taken + kGraceAfterStop;
  if (ended || now >= latest) return std::min(now, latest);
  return std::nullopt;
}

std::vector<SpentAfterStop> SpendAfterStop::Look(const kube::ObjectKey& pool,
                                                 const std::vector<StoppedAgent>& agents,
                                                 Timestamp now) {
  std::map<std::pair<std::string, Timestamp>, std::vector<std::string>> groups;
  for (const auto& agent : agents)
    groups[{agent.source, StartOf(agent.since)}].push_back(agent.name);

  std::set<std::string> ids;
  std::vector<SpentAfterStop> spent;
  for (auto& [group, names] : groups) {
    const auto& [source, start] = group;
    std::sort(names.begin(), names.end());
    const auto id = IdOf(pool, source, start);
    ids.insert(id);
    if (!ledger_.Track(id, {source, pool.ns, false, names, start, start + kLookFor}).ok()) continue;
    const auto total = ledger_.Read(id, now);
    if (!total || total->spent.IsZero()) continue;
    for (auto& one : ledger_.Agents(id, kMostTold).dearest) {
      if (one.spent.IsZero()) continue;
      const auto agent = std::find_if(agents.begin(), agents.end(), [&](const auto& candidate) {
        return candidate.name == one.agent;
      });
      if (agent == agents.end()) continue;
      spent.push_back(
          {std::move(one.agent), one.spent, start, agent->workload, agent->running, agent->kept});
    }
  }
  const std::lock_guard lock(mutex_);
  auto& tracked = tracked_[pool];
  for (const auto& id : tracked) {
    if (!ids.contains(id)) ledger_.Untrack(id);
  }
  if (ids.empty()) {
    tracked_.erase(pool);
  } else {
    tracked = std::move(ids);
  }
  return spent;
}

void SpendAfterStop::Forget(const kube::ObjectKey& pool) { Look(pool, {}, Timestamp{}); }

std::optional<kube::ObjectKey> SpendAfterStop::PoolOf(const std::string& id) {
  if (!id.starts_with(kPrefix)) return std::nullopt;
  const auto key = id.substr(kPrefix.size(), id.find('@') - kPrefix.size());
  const auto slash = key.find('/');
  return kube::ObjectKey{key.substr(0, slash), key.substr(slash + 1)};
}

}  // namespace purser::controllers
