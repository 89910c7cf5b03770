#include "controllers/agent_budget/subject.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

namespace purser::controllers {
namespace {

constexpr std::int64_t kMinutesOfRates = 61;

// Moves to `spans` who has not been a member for ever, and adds who is none any more. `passing`:
// of the subject's pools and agents, sorted by agent and, for one pool, time.
void AddSpans(const std::vector<ledger::Membership>& passing, Subject& subject) {
  std::vector<ledger::AgentSpan> spans;
  spans.reserve(passing.size());
  for (const auto& member : passing) {
    if (member.since < member.until) spans.push_back({member.agent, member.since, member.until});
  }
  std::sort(spans.begin(), spans.end());
  for (const auto& span : spans) {
    auto* last = subject.spans.empty() ? nullptr : &subject.spans.back();
    if (last != nullptr && last->agent == span.agent && last->until >= span.since) {
      last->until = std::max(last->until, span.until);
    } else {
      subject.spans.push_back(span);
    }
  }
  const auto always = [](const ledger::AgentSpan& span) {
    return span.since == ledger::kEver && span.until == ledger::kStill;
  };
  for (const auto& span : subject.spans) {
    const auto named = std::lower_bound(subject.agents.begin(), subject.agents.end(), span.agent);
    const bool member = named != subject.agents.end() && *named == span.agent;
    if (always(span) && !member) subject.agents.insert(named, span.agent);
    if (!always(span) && member) subject.agents.erase(named);
  }
  std::erase_if(subject.spans, always);
}

// Those that are members of another pool for ever count for ever.
std::vector<ledger::Membership> WithoutOthersForEver(const ResolvedScope& resolved) {
  auto passing = resolved.passing;
  if (passing.empty()) return passing;
  std::set<std::pair<std::string_view, std::string_view>> joined;
  for (const auto& one : resolved.passing) {
    if (one.until == ledger::kStill) joined.emplace(one.agent, one.pool);
  }
  std::set<std::string_view> for_ever;
  for (const auto& pool : resolved.pools) {
    for (const auto& agent : pool.agents) {
      if (!joined.contains({agent, pool.key.name})) for_ever.insert(agent);
    }
  }
  std::erase_if(passing, [&](const auto& one) { return for_ever.contains(one.agent); });
  return passing;
}

Subject OfPool(const CoveredPool& pool, const ResolvedScope& resolved) {
  Subject subject{pool.key.name, {pool}, false, pool.agents};
  subject.agents.insert(subject.agents.end(), pool.unnamed.begin(), pool.unnamed.end());
  std::sort(subject.agents.begin(), subject.agents.end());
  std::vector<ledger::Membership> passing;
  for (const auto& one : resolved.passing) {
    if (one.pool == pool.key.name) passing.push_back(one);
  }
  AddSpans(passing, subject);
  return subject;
}

std::vector<Subject> EachAgent(const ResolvedScope& resolved) {
  std::map<std::string, Subject> agents;
  const auto of = [&](const std::string& name) -> Subject& {
    auto& subject = agents[name];
    subject.name = name;
    subject.agents = {name};
    return subject;
  };
  for (const auto& name : resolved.agents) of(name);
  for (const auto& pool : resolved.pools) {
    for (std::size_t i = 0; i < pool.agents.size(); ++i) {
      auto& part = of(pool.agents[i]).pools.emplace_back();
      part.key = pool.key;
      part.generation = pool.generation;
      part.priority = pool.priority;
      part.maximum = pool.maximum;
      part.agents = {pool.agents[i]};
      part.agent_maxima = {pool.agent_maxima[i]};
    }
  }
  const auto passing = WithoutOthersForEver(resolved);
  std::vector<Subject> subjects;
  subjects.reserve(agents.size());
  for (auto& [name, subject] : agents) {
    std::vector<ledger::Membership> own;
    for (auto one = std::lower_bound(
             passing.begin(), passing.end(), name,
             [](const auto&member, const std::string&agent) { return member.agent < agent; });
         one != passing.end() && one->agent == name; ++one) {
      own.push_back(*one);
    }
    if (const auto former = resolved.former.find(name); former != resolved.former.end())
      own.insert(own.end(), former->second.begin(), former->second.end());
    AddSpans(own, subject);
    subjects.push_back(std::move(subject));
  }
  return subjects;
}

}  // namespace

Subject WholeOf(const ResolvedScope& resolved) {
  Subject subject{"", resolved.pools, resolved.whole_namespace, resolved.agents};
  if (!subject.whole_namespace) AddSpans(WithoutOthersForEver(resolved), subject);
  return subject;
}

std::vector<SubjectPointer> SubjectsOf(const api::ScopeSpec& scope, const ResolvedScope& resolved,
                                       const std::vector<SubjectPointer>& before) {
  std::vector<Subject> subjects;
  switch (scope.per) {
    case api::Per::kTotal:
      subjects.push_back(WholeOf(resolved));
      break;
    case api::Per::kPool:
      for (const auto& pool : resolved.pools) subjects.push_back(OfPool(pool, resolved));
      break;
    case api::Per::kAgent:
      subjects = EachAgent(resolved);
      break;
  }
  std::vector<SubjectPointer> pointers;
  pointers.reserve(subjects.size());
  auto known = before.begin();
  for (auto& subject : subjects) {
    while (known != before.end() && (*known)->name < subject.name) ++known;
    const bool same = known != before.end() && **known == subject;
    pointers.push_back(same ? *known : std::make_shared<const Subject>(std::move(subject)));
  }
  return pointers;
}

ledger::Coverage CoverageOf(const api::AgentBudget& budget, const Subject& subject,
                            const policy::Window& window) {
  const auto sorted = [](std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    return names;
  };
  const auto& scope = budget.spec.scope;
  auto agents = subject.agents;
  // The last hour is counted whatever the window.
  const std::int64_t since = ledger::MinuteOf(window.start) - kMinutesOfRates;
  const std::int64_t until = ledger::MinuteNotBefore(window.end);
  std::vector<ledger::AgentSpan> spans;
  for (const auto& span : subject.spans) {
    if (span.until <= since || span.since >= until) continue;
    if (span.since <= since && span.until >= until) {
      agents.insert(std::lower_bound(agents.begin(), agents.end(), span.agent), span.agent);
    } else {
      spans.push_back(span);
    }
  }
  return {budget.spec.source,   budget.meta.ns,      subject.whole_namespace,
          std::move(agents),    window.start,        window.end,
          sorted(scope.models), sorted(scope.tasks), sorted(scope.workflows),
          std::move(spans)};
}

std::string RowId(const kube::ObjectKey& budget, const std::string& subject) {
  return subject.empty() ? budget.ToString() : budget.ToString() + "/" + subject;
}

std::pair<kube::ObjectKey, std::string> ParseRowId(const std::string& id) {
  const auto first = id.find('/');
  const auto second = id.find('/', first + 1);
  if (second == std::string::npos) return {{id.substr(0, first), id.substr(first + 1)}, ""};
  return {{id.substr(0, first), id.substr(first + 1, second - first - 1)}, id.substr(second + 1)};
}

}  // namespace purser::controllers
