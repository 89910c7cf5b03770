// What became of a pool's limits at one target.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "api/agent_pool.h"
#include "base/clock.h"
#include "base/result.h"
#include "policy/level.h"

namespace purser::controllers {

struct LimitOutcome {
  std::string problem{};            // why nothing is published there; empty: it is
  Status retry = Ok();              // worth another try soon
  std::optional<Timestamp> next{};  // when it is to be looked at again
};

// Whether another pool of the namespace, not this one, names the target.
using NamedBy = std::function<bool(const std::string& pool, const api::LimitPlace& place)>;

// Somebody refused it, and will again: an immutable object, a rule, missing rights.
inline bool Refused(const Error& error) {
  return error.code() == ErrorCode::kInvalidArgument ||
         error.code() == ErrorCode::kPermissionDenied;
}

// Told; tried again unless it would be refused again.
inline LimitOutcome OutcomeOf(const Error& error) {
  return {error.message(), Refused(error) ? Ok() : Status(error), std::nullopt};
}

// How strong an ask it is that so many calls are allowed at once, for who is to be overruled.
inline policy::Level LevelOfLimit(std::int32_t concurrency) {
  return concurrency == 0 ? policy::Level::kStopped : policy::Level::kThrottled;
}

inline void Earliest(std::optional<Timestamp>& next, std::optional<Timestamp> candidate) {
  if (candidate) next = std::min(next.value_or(*candidate), *candidate);
}

}  // namespace purser::controllers
