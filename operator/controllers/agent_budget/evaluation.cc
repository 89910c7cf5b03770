#include "controllers/agent_budget/evaluation.h"

#include <algorithm>

#include "policy/band.h"

namespace purser::controllers {
namespace {

bool SameShare(const policy::PoolShare& a, const policy::PoolShare& b) {
  return a.total == b.total && a.agents == b.agents;
}

std::ptrdiff_t FindPool(const std::vector<CoveredPool>& pools, const kube::ObjectKey& pool) {
  const auto found = std::lower_bound(
      pools.begin(), pools.end(), pool,
      [](const CoveredPool& covered, const kube::ObjectKey& key) { return covered.key < key; });
  if (found == pools.end() || found->key != pool) return -1;
  return found - pools.begin();
}

// Whether `pool` would be treated the same by both rows.
bool SameRow(const Row& before, const Row& after, const kube::ObjectKey& pool) {
  const auto i = before.Find(pool);
  const auto j = after.Find(pool);
  if (i < 0 || j < 0) return i == j;
  const auto x = static_cast<std::size_t>(i);
  const auto y = static_cast<std::size_t>(j);
  if (before.subject != after.subject && !(before.subject->pools[x] == after.subject->pools[y]))
    return false;
  const auto& a = before.decision;
  const auto& b = after.decision;
  if (a.level != b.level) return false;
  if (policy::BandOf(a.percent_used) != policy::BandOf(b.percent_used)) return false;
  const bool shared_before = x < before.shares.size();
  const bool shared_after = y < after.shares.size();
  if (shared_before != shared_after) return false;
  return !shared_before || SameShare(before.shares[x], after.shares[y]);
}

// Whether `pool` would be treated the same by both.
bool SameDemandOn(const Evaluation& before, const Evaluation& after, const kube::ObjectKey& pool) {
  const auto i = before.Find(pool);
  const auto j = after.Find(pool);
  if (i < 0 || j < 0) return i == j;
  const auto& covered = after.scope->pools[static_cast<std::size_t>(j)];
  if (before.scope != after.scope && !(before.scope->pools[static_cast<std::size_t>(i)] == covered))
    return false;
  if (before.audit != after.audit || before.may_relax != after.may_relax) return false;
  if (!(before.sight.agents == after.sight.agents)) {
    for (const auto& agent : covered.agents) {
      const auto asked = [&](const Evaluation& of) {
        const auto found = of.sight.agents.find(agent);
        return found == of.sight.agents.end() ? std::nullopt : std::optional(found->second.level);
      };
      if (asked(before) != asked(after)) return false;
    }
  }
  if (before.rows.size() != after.rows.size()) return false;
  return std::equal(before.rows.begin(), before.rows.end(), after.rows.begin(),
                    [&](const RowPointer& a, const RowPointer& b) {
                      return a == b ||
                             (a->subject->name == b->subject->name && SameRow(*a, *b, pool));
                    });
}

}  // namespace

std::ptrdiff_t Row::Find(const kube::ObjectKey& pool) const {
  return FindPool(subject->pools, pool);
}

InDoubt DoubtOf(const Evaluation& evaluation) {
  InDoubt sum;
  for (const auto& row : evaluation.rows) {
    sum.amount += row->counted.in_doubt;
    sum.doubts += row->doubts;
  }
  return sum;
}

std::optional<Quantity> SpentAtLeastOf(const Evaluation& evaluation) {
  std::optional<Quantity> sum;
  for (const auto& row : evaluation.rows) {
    if (row->spent_at_least) sum = sum.value_or(Quantity()) + *row->spent_at_least;
  }
  return sum;
}

bool Worse(const Row& a, const Row& b) {
  if (a.decision.level != b.decision.level) return a.decision.level > b.decision.level;
  if (a.decision.percent_used != b.decision.percent_used)
    return a.decision.percent_used > b.decision.percent_used;
  return a.decision.spent > b.decision.spent;
}

policy::Level Evaluation::LevelFor(const Row& row, const std::string& agent) const {
  const auto found = sight.agents.find(agent);
  return found == sight.agents.end() ? row.decision.level
                                     : std::max(row.decision.level, found->second.level);
}

bool Evaluation::MayRelax(const std::string& agent) const {
  return may_relax && !sight.agents.contains(agent);
}

RowPointer Evaluation::RowOf(const std::string& subject) const {
  const auto found = std::lower_bound(
      rows.begin(), rows.end(), subject,
      [](const RowPointer& row, const std::string& name) { return row->subject->name < name; });
  return found == rows.end() || (*found)->subject->name != subject ? nullptr : *found;
}

RowPointer Evaluation::Worst() const {
  const auto worst =
      std::min_element(rows.begin(), rows.end(),
                       [](const RowPointer& a, const RowPointer& b) { return Worse(*a, *b); });
  return worst == rows.end() ? nullptr : *worst;
}

std::ptrdiff_t Evaluation::Find(const kube::ObjectKey& pool) const {
  return FindPool(scope->pools, pool);
}

bool Evaluation::Knows(const api::AgentPool& pool) const {
  const auto found = Find(pool.meta.key());
  return found >= 0 &&
         scope->pools[static_cast<std::size_t>(found)].generation >= pool.meta.generation;
}

bool Evaluation::KnowsAgents(const api::AgentPool& pool) const {
  const auto found = Find(pool.meta.key());
  return found >= 0 && scope->pools[static_cast<std::size_t>(found)].roster == pool.found.roster;
}

bool Evaluation::SameDemand(const Evaluation& other) const {
  if (!(scope->pools == other.scope->pools)) return false;
  return std::all_of(scope->pools.begin(), scope->pools.end(),
                     [&](const CoveredPool& pool) { return SameDemandOn(*this, other, pool.key); });
}

std::vector<kube::ObjectKey> EvaluationBoard::Publish(const EvaluationPointer& evaluation) {
  std::vector<kube::ObjectKey> changed;
  const std::lock_guard lock(mutex_);
  auto& slot = by_budget_[evaluation->budget];
  const EvaluationPointer before = std::exchange(slot, evaluation);
  for (const auto& pool : evaluation->scope->pools) {
    if (!before || !SameDemandOn(*before, *evaluation, pool.key)) changed.push_back(pool.key);
    by_pool_[pool.key][evaluation->budget] = evaluation;
  }
  if (before) {
    for (const auto& pool : before->scope->pools) {
      if (evaluation->Find(pool.key) >= 0) continue;
      changed.push_back(pool.key);
      const auto entry = by_pool_.find(pool.key);
      entry->second.erase(evaluation->budget);
      if (entry->second.empty()) by_pool_.erase(entry);
    }
  }
  return changed;
}

std::vector<kube::ObjectKey> EvaluationBoard::Remove(const kube::ObjectKey& budget) {
  std::vector<kube::ObjectKey> changed;
  const std::lock_guard lock(mutex_);
  const auto found = by_budget_.find(budget);
  if (found == by_budget_.end()) return changed;
  for (const auto& pool : found->second->scope->pools) {
    changed.push_back(pool.key);
    const auto entry = by_pool_.find(pool.key);
    if (entry == by_pool_.end()) continue;
    entry->second.erase(budget);
    if (entry->second.empty()) by_pool_.erase(entry);
  }
  by_budget_.erase(found);
  return changed;
}

EvaluationPointer EvaluationBoard::Get(const kube::ObjectKey& budget) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_budget_.find(budget);
  return found == by_budget_.end() ? nullptr : found->second;
}

std::vector<EvaluationPointer> EvaluationBoard::Covering(const kube::ObjectKey& pool) const {
  std::vector<EvaluationPointer> covering;
  const std::lock_guard lock(mutex_);
  const auto found = by_pool_.find(pool);
  if (found == by_pool_.end()) return covering;
  covering.reserve(found->second.size());
  for (const auto& [budget, evaluation] : found->second) covering.push_back(evaluation);
  return covering;
}

}  // namespace purser::controllers
