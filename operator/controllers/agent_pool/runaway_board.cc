#include "controllers/agent_pool/runaway_board.h"

#include <algorithm>
#include <set>

#include "base/join.h"
#include "base/time_text.h"
#include "policy/window.h"

namespace purser::controllers {
namespace {

constexpr std::size_t kMostInMessage = 3;

std::int32_t WorkloadsOf(const api::AgentPool& pool) {
  std::size_t count = 0;
  for (const auto& agent : pool.spec.agents) count += 1 + agent.others.size();
  return static_cast<std::int32_t>(std::min<std::size_t>(count, INT32_MAX));
}

policy::RunawayRules RulesOf(const api::RunawaySpec& spec) {
  return {spec.calls_per_task, spec.failed_calls_percent, spec.agents};
}

// Whether the rule is one of the spec's.
bool IsRule(const api::RunawaySpec& spec, const std::string& rule) {
  if (rule == "CallsPerTask") return spec.calls_per_task.has_value();
  if (rule == "FailedCalls") return spec.failed_calls_percent.has_value();
  if (rule == "Agents") return spec.agents.has_value();
  return rule == "RepeatedCalls" || rule == "GrowingContext";
}

}  // namespace

std::vector<Runaway> RunawayBoard::Watch(const api::AgentPool& pool) {
  const auto key = pool.meta.key();
  if (!pool.spec.runaway) {
    Remove(key);
    return {};
  }
  const auto now = clock_.Now();
  const std::lock_guard lock(mutex_);
  const auto [place, fresh] = pools_.try_emplace(key);
  auto& watched = place->second;
  if (fresh) {
    of_namespace_[key.ns].push_back(key);
    Share();
    // What stood in the status when this process began; it is seen again, or goes.
    for (const auto& told : pool.status.runaway) {
      if (!IsRule(*pool.spec.runaway, told.rule)) continue;
      const Found found{told.message, ParseRfc3339(told.since).value_or(now), now};
      if (told.agents.empty()) watched.found.emplace(std::pair(told.rule, ""), found);
      for (const auto& agent : told.agents)
        watched.found.emplace(std::pair(told.rule, agent), found);
    }
  } else if (watched.spec != *pool.spec.runaway) {
    // Under other rules what was found is found anew, or not.
    watched.found.clear();
  }
  watched.spec = *pool.spec.runaway;
  watched.workloads = WorkloadsOf(pool);
  watched.agents.clear();
  for (const auto& agent : pool.spec.agents) watched.agents.push_back(agent.name);
  std::sort(watched.agents.begin(), watched.agents.end());
  Judge(watched, now);
  std::vector<Runaway> found;
  for (const auto& [what, one] : watched.found)
    found.push_back({what.first, what.second, one.message, one.since});
  return found;
}

void RunawayBoard::Remove(const kube::ObjectKey& pool) {
  const std::lock_guard lock(mutex_);
  if (pools_.erase(pool) == 0) return;
  auto& keys = of_namespace_[pool.ns];
  std::erase(keys, pool);
  if (keys.empty()) of_namespace_.erase(pool.ns);
  Share();
}

void RunawayBoard::Release(const kube::ObjectKey& pool) {
  const std::lock_guard lock(mutex_);
  const auto found = pools_.find(pool);
  if (found == pools_.end()) return;
  found->second.found.clear();
  found->second.evidence = policy::RunawayWatch();
  Share();
}

bool RunawayBoard::Watches(const std::string& ns) const {
  const std::lock_guard lock(mutex_);
  return of_namespace_.contains(ns);
}

void RunawayBoard::Saw(const std::vector<CallOfNamespace>& calls) {
  const auto now = clock_.Now();
  std::set<kube::ObjectKey> heard;
  std::vector<kube::ObjectKey> changed;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& one : calls) {
      const auto keys = of_namespace_.find(one.ns);
      if (keys == of_namespace_.end()) continue;
      for (const auto& key : keys->second) {
        auto& watched = pools_.at(key);
        if (!std::binary_search(watched.agents.begin(), watched.agents.end(), one.call.agent))
          continue;
        watched.evidence.Add(one.call);
        watched.heard = true;
        heard.insert(key);
      }
    }
    for (const auto& key : heard) {
      auto& watched = pools_.at(key);
      // A clock set back must not make it wait.
      if (now >= watched.looked && now - watched.looked < kLookEvery) continue;
      if (Judge(watched, now)) changed.push_back(key);
    }
  }
  for (const auto& key : changed) changed_(key);
}

void RunawayBoard::Look() {
  const auto now = clock_.Now();
  std::vector<kube::ObjectKey> changed;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [key, watched] : pools_) {
      if (!watched.heard && watched.found.empty() && watched.evidence.size() == 0) continue;
      if (Judge(watched, now)) changed.push_back(key);
      watched.evidence.Forget(now);
    }
  }
  for (const auto& key : changed) changed_(key);
}

// The methods below are called with mutex_ held.

// Whether what is found is another than before.
bool RunawayBoard::Judge(Watched& watched, Timestamp now) {
  watched.looked = now;
  watched.heard = false;
  bool changed = false;
  const auto findings = watched.evidence.Findings(RulesOf(watched.spec), watched.workloads, now);
  for (const auto& finding : findings) {
    const auto put = [&](const std::string& agent) {
      const auto [place, fresh] = watched.found.try_emplace({finding.rule, agent});
      if (fresh) place->second.since = now;
      place->second.message = finding.message;
      place->second.shown = now;
      changed = changed || fresh;
    };
    if (finding.agents.empty()) put("");
    for (const auto& agent : finding.agents) put(agent);
  }
  const auto gone = std::erase_if(watched.found, [&](const auto& one) {
    const auto& agent = one.first.second;
    // Who is no agent of the pool any more breaks no rule of it.
    if (!agent.empty() && !std::binary_search(watched.agents.begin(), watched.agents.end(), agent))
      return true;
    if (watched.spec.action == api::RunawayAction::kStop) return false;
    return one.second.shown + kHold < now;
  });
  return changed || gone > 0;
}

void RunawayBoard::Share() {
  if (pools_.empty()) return;
  const auto each =
      std::clamp(kMostKeys / pools_.size(), kFewestKeys, policy::RunawayWatch::kMostKeys);
  for (auto& [key, watched] : pools_) watched.evidence.Bound(each);
}

std::vector<api::RunawayStatus> RunawayStatusOf(const std::vector<Runaway>& found) {
  std::vector<api::RunawayStatus> told;
  for (const auto& one : found) {
    if (told.empty() || told.back().rule != one.rule)
      told.push_back({one.rule, {}, one.message, FormatUtc(one.since)});
    auto& rule = told.back();
    // The pool's own comes first, and says it of all.
    const bool whole = rule.agents.empty() && &one != found.data() && (&one - 1)->rule == one.rule;
    if (!one.agent.empty() && !whole) rule.agents.push_back(one.agent);
    rule.since = std::min(rule.since, FormatUtc(one.since));
  }
  return told;
}

std::pair<std::string, std::string> RunawayConditionOf(const std::vector<Runaway>& found,
                                                       api::RunawayAction action) {
  std::set<std::string> rules;
  std::vector<std::string> messages;
  for (const auto& one : found) {
    rules.insert(one.rule);
    if (std::find(messages.begin(), messages.end(), one.message) == messages.end())
      messages.push_back(one.message);
  }
  const auto all = messages.size();
  if (all > kMostInMessage) messages.resize(kMostInMessage);
  std::string text = Join(messages, "; ");
  if (all > kMostInMessage) text += "; and " + std::to_string(all - kMostInMessage) + " more";
  switch (action) {
    case api::RunawayAction::kNotify:
      text += "; nothing is done about it (runaway.action is Notify)";
      break;
    case api::RunawayAction::kThrottle:
      text += "; one call at a time for each of them until it has not been seen for 10 minutes";
      break;
    case api::RunawayAction::kStop:
      text +=
          "; stopped until a person restores it: annotate the AgentPool "
          "purser.dev/restore=now, or change spec.runaway";
      break;
  }
  return {rules.size() == 1 ? *rules.begin() : "SeveralRules", text};
}

}  // namespace purser::controllers
