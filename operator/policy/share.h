// One shared allowance handed out to pools by priority and to their agents, one each before more.
#pragma once

#include <cstdint>
#include <vector>

#include "kube/object/object_meta.h"

namespace purser::policy {

struct PoolDemand {
  kube::ObjectKey pool;
  std::int32_t priority = 0;         // the higher is served first
  std::int32_t maximum = 0;          // the pool's maxConcurrency
  std::vector<std::int32_t> agents;  // each agent's maximum, in the pool's order
};

struct PoolShare {
  std::int32_t total = 0;
  std::vector<std::int32_t> agents;  // parallel to PoolDemand::agents; sum == total
};

// Deterministic. Every agent gets 1 first (by priority, then pool key, then position) as far as
// `allowed` reaches; the rest goes by priority, highest first up to each pool's maximum; inside a
// pool and among pools of equal priority round-robin weighted by nothing but the maxima. No agent
// passes its maximum, no pool its own. The sum never exceeds `allowed`. O(agents log pools), not
// O(allowed).
std::vector<PoolShare> Share(std::int32_t allowed, const std::vector<PoolDemand>& demands);

}  // namespace purser::policy
