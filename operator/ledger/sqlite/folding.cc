#include "ledger/sqlite/folding.h"

namespace purser::ledger::sqlite {
namespace {

constexpr std::int64_t kKeysAtATime = 256;

}  // namespace

Result<Folding> Folding::Make(const Connection& connection) {
  Folding folding;
  PURSER_RETURN_IF_ERROR(connection.Prepare({
      {&folding.plans_, "SELECT id, folded_until FROM source ORDER BY id"},
      {&folding.set_folded_, "UPDATE source SET folded_until=?2 WHERE id=?1"},
      {&folding.keys_after_,
       "SELECT id FROM spend_key WHERE +source_id=? AND id>? ORDER BY id LIMIT ?"},
      {&folding.fold_,
       "DELETE FROM bucket WHERE key_id=?1 AND minute>=?2 AND minute<?3 AND EXISTS("
       "SELECT 1 FROM bucket AS later WHERE later.key_id=?1 AND later.minute>bucket.minute "
       "AND later.minute<(bucket.minute/15+1)*15)"},
      {&folding.borders_,
       "SELECT 1 FROM spend_key JOIN membership USING(ns, agent) WHERE spend_key.id=?1 AND "
       "(since BETWEEN ?2 AND ?3 OR until BETWEEN ?2 AND ?3) LIMIT 1"},
      {&folding.fold_between_borders_,
       "DELETE FROM bucket WHERE key_id=?1 AND minute>=?2 AND minute<?3 AND EXISTS("
       "SELECT 1 FROM bucket AS later WHERE later.key_id=?1 AND later.minute>bucket.minute "
       "AND later.minute<(bucket.minute/15+1)*15 AND NOT EXISTS("
       "SELECT 1 FROM spend_key JOIN membership USING(ns, agent) WHERE spend_key.id=?1 AND "
       "((since>bucket.minute AND since<=later.minute) OR "
       "(until>bucket.minute AND until<=later.minute))))"},
      {&folding.collapse_,
       "DELETE FROM bucket WHERE key_id=?1 AND minute<("
       "SELECT max(minute) FROM bucket WHERE key_id=?1 AND minute<?2)"},
      // Nothing since the horizon: the base alone says nothing about any window that is kept.
      {&folding.drop_key_,
       "DELETE FROM spend_key WHERE id=?1 AND NOT EXISTS("
       "SELECT 1 FROM bucket WHERE key_id=?1 AND minute>=?2) AND NOT EXISTS("
       "SELECT 1 FROM key_rate WHERE key_id=?1 AND at>=?2*60000)"},
  }));
  return folding;
}

Result<std::vector<FoldPlan>> Folding::Plans() const {
  std::vector<FoldPlan> plans;
  PURSER_RETURN_IF_ERROR(plans_.Start().ForEachRow([&](const Run& run) {
    plans.push_back({.source_id = run.Integer(0), .from = run.Integer(1)});
    return Ok();
  }));
  return plans;
}

Status Folding::SetFolded(const FoldPlan& plan) const {
  return set_folded_.Execute(plan.source_id, plan.until);
}

Result<std::vector<std::int64_t>> Folding::KeysAfter(std::int64_t source_id,
                                                     std::int64_t key_id) const {
  std::vector<std::int64_t> ids;
  PURSER_RETURN_IF_ERROR(
      keys_after_.Start(source_id, key_id, kKeysAtATime).ForEachRow([&](const Run& run) {
        ids.push_back(run.Integer(0));
        return Ok();
      }));
  return ids;
}

Status Folding::Fold(std::int64_t key_id, const FoldPlan& plan) const {
  const auto borders =
      borders_.Start(key_id, plan.from, plan.until).FirstRow([](const Run&) { return true; });
  if (!borders) return borders.error();
  const auto& fold = *borders ? fold_between_borders_ : fold_;
  PURSER_RETURN_IF_ERROR(fold.Execute(key_id, plan.from, plan.until));
  PURSER_RETURN_IF_ERROR(collapse_.Execute(key_id, plan.horizon));
  return drop_key_.Execute(key_id, plan.horizon);
}

}  // namespace purser::ledger::sqlite
