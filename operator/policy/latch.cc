#include "policy/latch.h"

namespace purser::policy {

Latch Step(const Latch& before, bool reached, bool near, Timestamp now) {
  if (reached) return {true, std::nullopt};
  if (!before.on) return {};
  if (near) return {true, std::nullopt};
  // A clock that was set back begins anew.
  const auto since = before.below_since && *before.below_since <= now ? *before.below_since : now;
  if (now - since >= kBelowFor) return {};
  return {true, since};
}

}  // namespace purser::policy
