// What to do to one workload: a pure step from (live object, what was saved, what is asked) to a
// patch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/agent_pool.h"
#include "base/result.h"
#include "policy/budget_decision.h"
#include "workloads/saved.h"

namespace purser::workloads {

// The replicas asked for at `level`. Stopped: 0 (onStop Zero) or unchanged (Keep). Throttled,
// Proportional: max(min(minReplicas, original), ceil(original * concurrency / maximum)); Keep,
// RefusingWork, Warning, Normal: original. Never above original.
std::int32_t DesiredReplicas(policy::Level level, std::int32_t original, std::int32_t concurrency,
                             std::int32_t maximum, const api::ScalingSpec& scaling);

// Who set the live replicas, if it was not us.
enum class Changer {
  kUnknown,     // or we ourselves
  kAutoscaler,  // follows the load: its number is no one's wish
  kPerson,      // a person, CI or GitOps: what they raise to is restored
};

// By the name of a field manager; empty: unknown.
Changer ChangerOf(std::string_view manager);

struct WorkloadState {
  std::int32_t live = 0;  // spec.replicas
  std::optional<Saved> saved;
  std::string changed_by{};  // who set `live` if it was not us; empty: not known
  // Whether the annotation says what `saved` does; if not it is written (again).
  bool annotated = true;
  // Somebody keeps setting them back, whatever we do: what is live is nobody's new choice.
  bool contended = false;
  // An autoscaler names it: what it was raised to is nobody's wish, whoever wrote it.
  bool autoscaled = false;
  std::string value{};  // live, as JSON, where the kind has more than replicas
  Toggle toggle{};
};

// What one pool asks of a workload. `concurrency` of `maximum`: the share of what the agent has
// when nothing is short.
struct WorkloadAsk {
  policy::Level level = policy::Level::kNormal;
  std::int32_t concurrency = 0;
  std::int32_t maximum = 0;
  bool may_relax = true;  // false: never raise replicas, never restore
  bool drained = true;    // false: while stopping, leave replicas as they are for now
  std::string pool;
  std::string pool_uid;
  bool operator==(const WorkloadAsk&) const = default;
};

// What another pool that names the same workload asks of it.
struct OtherAsk {
  WorkloadAsk ask;
  api::ScalingSpec scaling;
  bool operator==(const OtherAsk&) const = default;
};

enum class PlanKind {
  kNothing,   // already as asked
  kTake,      // reduce (or reduce further, or restore a part); `patch_saved` holds the original
  kRestore,   // set replicas back to the original and remove the annotation
  kForget,    // somebody else changed the replicas since: remove the annotation, leave the replicas
  kReassert,  // somebody raised the replicas while a stop or throttle holds: set them down again
  kRemember,  // only the annotation is written: it was lost, or is not ours
};

struct WorkloadPlan {
  PlanKind kind = PlanKind::kNothing;
  std::optional<std::int32_t> replicas;  // to set
  std::optional<Saved> patch_saved;  // annotation to write; with kRestore and kForget it is removed
  std::string
      value{};  // JSON of the original, where replicas are set to more than 0 and it is known
  std::string explanation;  // "replicas 5 -> 0", "left at 3: changed by kubectl …"
};

// Rules: the original is saved only when absent, in the same patch; a workload already at or below
// what is asked and of which nothing is saved is left alone (somebody's 0 stays theirs); while
// something is asked and the live value is above it: take or reassert; when nothing is asked:
// restore only if live == saved.set, otherwise forget. While asked, live below saved.set and below
// the ask is left alone (a person or an autoscaler went lower); when still less is asked, that
// lower value is the original from then on. A person's raise is overruled while the ask holds, and
// is the original from then on; not an autoscaler's, and not that of who wrote the object whole
// (the annotation is gone with it): they know nothing of the stop. Of several pools the lower ask
// wins, and nothing is restored before all of them allow it.
WorkloadPlan PlanWorkload(const WorkloadState& state, const WorkloadAsk& ask,
                          const api::ScalingSpec& scaling,
                          const std::vector<OtherAsk>& others = {});

}  // namespace purser::workloads
