// A ConfigMap that holds limits, as far as it matters: of each key whose limits it holds.
#pragma once

#include <simdjson.h>

#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "controllers/agent_pool/limits_document.h"
#include "kube/object/object_meta.h"

namespace purser::controllers {

// On every ConfigMap that holds limits: the pool, cut to what a label may hold. Those that have it
// are watched.
inline constexpr const char* kPoolLabel = "purser.dev/pool";
std::string PoolLabelOf(const std::string& pool);

struct LimitsMap {
  kube::ObjectMeta meta;
  std::map<std::string, std::optional<HeldLimits>> keys;  // nothing: something else than limits
};

// Error kInvalidArgument: not an object with metadata.
Result<LimitsMap> DecodeLimitsMap(simdjson::dom::element object);

}  // namespace purser::controllers
