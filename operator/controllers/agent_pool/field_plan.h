// What is to be written so that a number of an object is no higher than a limit, and what was there
// is known. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "api/agent_pool.h"
#include "base/result.h"
#include "controllers/agent_pool/limit_outcome.h"

namespace purser::controllers {

// On an object of which pools limit fields: by path, which pool, what was there, what we set.
inline constexpr const char* kLimitedAnnotation = "purser.dev/limited";

// What is held of a field: the second copy stands in the pool's status.
struct HeldField {
  std::string uid;     // of the object
  std::string before;  // JSON of what was there; "null": nothing
  std::string set;     // JSON of what we set
  bool operator==(const HeldField&) const = default;
};

// An object, as far as it concerns one field.
struct FieldSight {
  std::string uid;
  std::string resource_version;
  std::string annotation;  // the text of kLimitedAnnotation; empty: none
  nlohmann::json live;     // what stands at the field; null: nothing
};

struct FieldPlan {
  std::optional<HeldField> held;  // when it is written
  nlohmann::json patch;           // a merge patch; null: nothing is to be written
};

// "ScaledObject x /spec/maxReplicaCount"
std::string NameOf(const api::FieldTarget& target);

// Of an object as JSON. Error kInvalidArgument: what the field would stand in is not there, so that
// nothing could be restored as it was.
Result<FieldSight> SightOf(const nlohmann::json& object, const api::FieldTarget& target);

// Without a limit what was there is restored. `known`: the copy in the pool's status. Error
// kInvalidArgument: no number stands there, or another pool limits it.
Result<FieldPlan> PlanField(const std::string& pool, const api::FieldTarget& target,
                            const FieldSight& sight, std::optional<std::int32_t> limit,
                            const std::optional<HeldField>& known, const NamedBy& named_by);

}  // namespace purser::controllers
