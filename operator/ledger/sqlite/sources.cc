#include "ledger/sqlite/sources.h"

#include "ledger/sqlite/times.h"

namespace purser::ledger::sqlite {
namespace {

std::int64_t FirstInteger(const Run& run) { return run.Integer(0); }

}  // namespace

Result<Sources> Sources::Make(const Connection& connection) {
  Sources sources(connection);
  PURSER_RETURN_IF_ERROR(connection.Prepare({
      {&sources.raise_epoch_, "UPDATE meta SET epoch=epoch+1"},
      {&sources.take_all_, "UPDATE source SET fence=(SELECT epoch FROM meta)"},
      {&sources.epoch_, "SELECT epoch FROM meta"},
      {&sources.find_, "SELECT id FROM source WHERE name=?"},
      {&sources.insert_, "INSERT INTO source(name, fence) SELECT ?, epoch FROM meta"},
      {&sources.fence_, "SELECT fence FROM source WHERE id=?"},
      {&sources.set_epoch_, "UPDATE source SET epoch=?2 WHERE id=?1"},
      {&sources.set_complete_,
       "UPDATE source SET complete_until=max(coalesce(complete_until, ?2), ?2) WHERE id=?1"},
      {&sources.set_newest_,
       "UPDATE source SET newest_sample=max(coalesce(newest_sample, ?2), ?2) WHERE id=?1"},
      {&sources.position_,
       "SELECT epoch, complete_until, newest_sample FROM source WHERE name=? AND epoch IS NOT "
       "NULL"},
  }));
  return sources;
}

Result<std::int64_t> Sources::TakeOver() const {
  PURSER_RETURN_IF_ERROR(raise_epoch_.Execute());
  PURSER_RETURN_IF_ERROR(take_all_.Execute());
  const auto epoch = epoch_.Start().FirstRow(FirstInteger);
  if (!epoch) return epoch.error();
  return epoch->value_or(0);
}

Result<std::int64_t> Sources::ForWriting(const std::string& name,
                                         std::optional<std::int64_t> epoch) {
  auto id = Find(name);
  if (!id) return id.error();
  if (!*id) {
    PURSER_RETURN_IF_ERROR(insert_.Execute(name));
    *id = connection_->LastInsertId();
    ids_[name] = **id;
  }
  const auto fence = fence_.Start(**id).FirstRow(FirstInteger);
  if (!fence) return fence.error();
  PURSER_RETURN_IF_ERROR(CheckFence(fence->value_or(0), epoch));
  return **id;
}

Status Sources::CheckFence(std::optional<std::int64_t> epoch) const {
  const auto found = epoch_.Start().FirstRow(FirstInteger);
  if (!found) return found.error();
  return CheckFence(found->value_or(0), epoch);
}

Status Sources::CheckFence(std::int64_t found, std::optional<std::int64_t> epoch) const {
  if (epoch && *epoch == found) return Ok();
  return Error(ErrorCode::kFenced,
               connection_->path() + ": epoch " + std::to_string(found) +
                   (epoch ? " has replaced " + std::to_string(*epoch) + ": another leader books now"
                          : ": this store was not taken over"));
}

Status Sources::SetEpoch(std::int64_t source_id, Timestamp epoch) const {
  return set_epoch_.Execute(source_id, ToInteger(epoch));
}

Status Sources::Advance(std::int64_t source_id, const Batch& batch) const {
  if (batch.complete_until)
    PURSER_RETURN_IF_ERROR(set_complete_.Execute(source_id, ToInteger(*batch.complete_until)));
  if (batch.newest_sample)
    PURSER_RETURN_IF_ERROR(set_newest_.Execute(source_id, ToInteger(*batch.newest_sample)));
  return Ok();
}

Result<std::optional<std::int64_t>> Sources::Find(const std::string& name) {
  const auto known = ids_.find(name);
  if (known != ids_.end()) return std::optional(known->second);
  auto id = find_.Start(name).FirstRow(FirstInteger);
  if (id && *id) ids_[name] = **id;
  return id;
}

Result<std::optional<SourcePosition>> Sources::Position(const std::string& name) const {
  return position_.Start(name).FirstRow([](const Run& run) {
    return SourcePosition{ToTimestamp(run.Integer(0)), OptionalTime(run, 1), OptionalTime(run, 2)};
  });
}

}  // namespace purser::ledger::sqlite
