// The sources of a ledger: their numbers, how far each was read, and who may write of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "ledger/sqlite/connection.h"
#include "ledger/store.h"

namespace purser::ledger::sqlite {

// Writes are made inside the caller's transaction.
class Sources {
 public:
  static Result<Sources> Make(const Connection& connection);

  Result<std::int64_t> TakeOver() const;
  // The number of a source that may be written under this epoch; made when it is new.
  Result<std::int64_t> ForWriting(const std::string& name, std::optional<std::int64_t> epoch);
  // kFenced unless the whole ledger may be written under this epoch.
  Status CheckFence(std::optional<std::int64_t> epoch) const;

  Status SetEpoch(std::int64_t source_id, Timestamp epoch) const;
  // Neither moves back, whatever the clock does.
  Status Advance(std::int64_t source_id, const Batch& batch) const;

  Result<std::optional<std::int64_t>> Find(const std::string& name);
  Result<std::optional<SourcePosition>> Position(const std::string& name) const;

  // To be called when a transaction was rolled back.
  void Forget() { ids_.clear(); }

 private:
  explicit Sources(const Connection& connection) : connection_(&connection) {}
  Status CheckFence(std::int64_t found, std::optional<std::int64_t> epoch) const;

  const Connection* connection_;
  Statement raise_epoch_, take_all_, epoch_, find_, insert_, fence_, set_epoch_, set_complete_,
      set_newest_, position_;
  std::map<std::string, std::int64_t> ids_;
};

}  // namespace purser::ledger::sqlite
