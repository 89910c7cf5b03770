// AgentBudgetOverride (purser.dev/v1alpha1): more than a budget's limit, for a while, asked and
// granted. No I/O.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/codec.h"
#include "api/field_reader.h"
#include "api/known_fields.h"
#include "base/clock.h"
#include "base/result.h"
#include "kube/object/object_meta.h"

namespace purser::api {

// Immutable.
struct AgentBudgetOverrideSpec {
  std::string budget;
  std::string agent;  // under per: Agent, this one alone; "": every subject of the budget
  // One of both, a decimal string in the budget's unit: on top of the limit, or instead of it.
  std::string add;
  std::string set;
  std::string reason;
  std::optional<Timestamp> at;  // when it ends; nothing: at the budget's next reset
  bool until_reset = false;
  bool operator==(const AgentBudgetOverrideSpec&) const = default;
};

struct AgentBudgetOverrideStatus {
  std::int64_t observed_generation = 0;
  std::string state;                        // Requested | Active | Denied | Expired | Failed
  std::string approved_by;                  // written by who approves
  std::string until;                        // RFC 3339, UTC, once approved
  std::vector<kube::Condition> conditions;  // Approved is who approves', Granted the operator's
  bool operator==(const AgentBudgetOverrideStatus&) const = default;
};

struct AgentBudgetOverride {
  kube::ObjectMeta meta;
  AgentBudgetOverrideSpec spec;
  AgentBudgetOverrideStatus status;
  std::optional<std::string> invalid;  // as AgentPool::invalid
  std::optional<Timestamp> created{};  // nothing before the API server has it
};

// The annotation in which who asks writes his name.
inline constexpr const char* kRequestedBy = "purser.dev/requested-by";

// As the functions of codec.h and resource_root.h.
Result<AgentBudgetOverride> DecodeAgentBudgetOverride(simdjson::dom::element object,
                                                      ReadContext& context);
Result<AgentBudgetOverride> DecodeAgentBudgetOverride(
    simdjson::dom::element object, UnknownFields unknown = UnknownFields::kIgnore);
std::vector<KnownField> AgentBudgetOverrideFields();

}  // namespace purser::api
