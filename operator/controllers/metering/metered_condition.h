// The condition Metered, in the same words on a budget and on a pool.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "controllers/metering/metering.h"

namespace purser::controllers {

struct MeteredCondition {
  bool metered = true;
  std::string reason;
  std::string message;  // within what a condition's message may be
};

// Of issues in the order in which they are to be told, those whose spend is not known before
// others; prices are told elsewhere. `more`: what is to be said behind the issue of an agent; may
// be null.
MeteredCondition MeteredOf(const std::vector<MeterIssue>& issues,
                           const std::function<std::string(const std::string& agent)>& more = {});

// Of a source that tells of no agent at present. `of`: whose condition SourceHealthy tells why.
MeteredCondition UnreadOf(ledger::SourceHealth::State state, const std::string& of);

// Of all that is known of a pool, over the sources of its budgets.
MeteredCondition MeteredOf(const PoolMetering& pool);

}  // namespace purser::controllers
