#include "ledger/sqlite/folding.h"

namespace purser::ledger::sqlite {
namespace {

constexpr std::int64_t kKeysAtATime = 256;
constexpr std::int64_t kMillisecondsPerMinute = 60'000;

}  // namespace

Result<Folding> Folding::Make(const Connection& connection) {
  Folding folding;
  PURSER_RETURN_IF_ERROR(connection.Prepare({
      {&folding.folded_until_, "SELECT folded_until FROM meta"},
      {&folding.set_folded_until_, "UPDATE meta SET folded_until=?"},
      {&folding.keys_after_, "SELECT id FROM spend_key WHERE id>? ORDER BY id LIMIT ?"},
      {&folding.fold_,
       "DELETE FROM bucket WHERE key_id=?1 AND minute>=?2 AND minute<?3 AND EXISTS("
       "SELECT 1 FROM bucket AS later WHERE later.key_id=?1 AND later.minute>bucket.minute "
       "AND later.minute<(bucket.minute/15+1)*15)"},
      {&folding.collapse_,
       "DELETE FROM bucket WHERE key_id=?1 AND minute<("
       "SELECT max(minute) FROM bucket WHERE key_id=?1 AND minute<?2)"},
      // Nothing since the horizon: the base alone says nothing about any window that is kept.
      {&folding.drop_key_,
       "DELETE FROM spend_key WHERE id=?1 AND NOT EXISTS("
       "SELECT 1 FROM bucket WHERE key_id=?1 AND minute>=?2)"},
      {&folding.drop_cursors_, "DELETE FROM cursor WHERE last_time<?"},
  }));
  return folding;
}

Result<std::int64_t> Folding::FoldedUntil() const {
  const auto minute = folded_until_.Start().FirstRow([](const Run& run) { return run.Integer(0); });
  if (!minute) return minute.error();
  return minute->value_or(0);
}

Status Folding::SetFoldedUntil(std::int64_t minute) const {
  return set_folded_until_.Execute(minute);
}

Result<std::vector<std::int64_t>> Folding::KeysAfter(std::int64_t key_id) const {
  std::vector<std::int64_t> ids;
  PURSER_RETURN_IF_ERROR(keys_after_.Start(key_id, kKeysAtATime).ForEachRow([&](const Run& run) {
    ids.push_back(run.Integer(0));
    return Ok();
  }));
  return ids;
}

Status Folding::Fold(std::int64_t key_id, const FoldPlan& plan) const {
  PURSER_RETURN_IF_ERROR(fold_.Execute(key_id, plan.from, plan.until));
  PURSER_RETURN_IF_ERROR(collapse_.Execute(key_id, plan.horizon));
  return drop_key_.Execute(key_id, plan.horizon);
}

Status Folding::DropCursorsBefore(std::int64_t minute) const {
  return drop_cursors_.Execute(minute * kMillisecondsPerMinute);
}

}  // namespace purser::ledger::sqlite
