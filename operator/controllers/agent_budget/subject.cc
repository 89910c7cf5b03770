#include "controllers/agent_budget/subject.h"

#include <algorithm>
#include <map>

namespace purser::controllers {
namespace {

Subject OfPool(const CoveredPool& pool) {
  Subject subject{pool.key.name, {pool}, false, pool.agents};
  std::sort(subject.agents.begin(), subject.agents.end());
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
  std::vector<Subject> subjects;
  subjects.reserve(agents.size());
  for (auto& [name, subject] : agents) subjects.push_back(std::move(subject));
  return subjects;
}

}  // namespace

Subject WholeOf(const ResolvedScope& resolved) {
  return {"", resolved.pools, resolved.whole_namespace, resolved.agents};
}

std::vector<SubjectPointer> SubjectsOf(const api::ScopeSpec& scope, const ResolvedScope& resolved,
                                       const std::vector<SubjectPointer>& before) {
  std::vector<Subject> subjects;
  switch (scope.per) {
    case api::Per::kTotal:
      subjects.push_back(WholeOf(resolved));
      break;
    case api::Per::kPool:
      for (const auto& pool : resolved.pools) subjects.push_back(OfPool(pool));
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
  return {budget.spec.source,   budget.meta.ns,      subject.whole_namespace,
          subject.agents,       window.start,        window.end,
          sorted(scope.models), sorted(scope.tasks), sorted(scope.workflows)};
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
