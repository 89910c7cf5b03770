// What the resources have in common: metadata, conditions, the root object. Inside api/
// only.
#pragma once

#include <simdjson.h>

#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "api/field_kinds.h"
#include "base/result.h"
#include "kube/object/object_meta.h"

namespace purser::api {

inline constexpr std::string_view kApiVersion = "purser.dev/v1alpha1";
inline constexpr std::int64_t kMostConditions = 16;

inline constexpr std::array kConditionFields = {
    TextField<&kube::Condition::type>("type"),
    TextField<&kube::Condition::status>("status"),
    TextField<&kube::Condition::reason>("reason"),
    TextField<&kube::Condition::message>("message"),
    TextField<&kube::Condition::last_transition_time>("lastTransitionTime"),
    IntegerField<&kube::Condition::observed_generation>("observedGeneration", 0, INT64_MAX),
};

// The value of "spec" after checking apiVersion, kind and the names beside it; nothing when there
// is none.
std::optional<simdjson::dom::element> ReadRoot(ReadContext& context, simdjson::dom::element object,
                                               std::string_view kind);

// Metadata, spec and status. `read_spec(context, element, spec)` reads and checks the spec.
template <typename T, const auto& kStatus, typename ReadSpec>
Result<T> DecodeResource(simdjson::dom::element object, ReadContext& context, std::string_view kind,
                         ReadSpec read_spec) {
  auto meta = DecodeObjectMeta(object);
  if (!meta) return meta.error();
  T resource;
  resource.meta = std::move(*meta);
  if (const auto spec = ReadRoot(context, object, kind)) read_spec(context, *spec, resource.spec);
  // The status is the operator's own: what is not understood is left out and written anew.
  ReadContext lenient(UnknownFields::kIgnore);
  simdjson::dom::element status;
  if (object["status"].get(status) == simdjson::SUCCESS)
    ReadFields(lenient, status, kStatus, resource.status);
  resource.invalid = context.Summary();
  return resource;
}

// Every field of a resource with these.
template <typename SpecFields, typename StatusFields>
std::vector<KnownField> DescribeResource(const SpecFields& spec, const StatusFields& status) {
  std::vector<KnownField> fields;
  DescribeFields(spec, "spec", fields);
  DescribeFields(status, "status", fields);
  return fields;
}

// As the functions of codec.h, but with every problem left in `context` (which also says how
// strict).
Result<AgentPool> DecodeAgentPool(simdjson::dom::element object, ReadContext& context);
Result<AgentBudget> DecodeAgentBudget(simdjson::dom::element object, ReadContext& context);
Result<SpendCorrection> DecodeSpendCorrection(simdjson::dom::element object, ReadContext& context);

}  // namespace purser::api
