// What was spent, read from the cumulative buckets.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "ledger/sqlite/connection.h"
#include "ledger/store.h"

namespace purser::ledger::sqlite {

class Sums {
 public:
  static Result<Sums> Make(const Connection& connection);

  // Of a coverage of this source: as Store::Sums and Store::Minutes of one.
  Result<std::vector<AgentSpend>> ByAgent(std::int64_t source_id, const Coverage& coverage) const;
  Result<std::vector<MinuteSpend>> ByMinute(std::int64_t source_id, const Coverage& coverage) const;
  Result<std::vector<KeyRate>> Rates(std::int64_t source_id, const std::string& source) const;

 private:
  Result<Amounts> CumulativeBefore(std::int64_t key_id, std::int64_t minute) const;
  template <typename Visit>
  Status ForEachKey(std::int64_t source_id, const Coverage& coverage, const Visit& visit) const;

  Statement keys_of_agent_, keys_of_namespace_, before_, between_, rates_;
};

}  // namespace purser::ledger::sqlite
