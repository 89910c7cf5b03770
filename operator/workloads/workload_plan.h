// What to do to one workload: a pure step from (live object, what was saved, what is asked) to a
// patch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/agent_pool.h"
#include "base/result.h"
#include "policy/budget_decision.h"

namespace purser::workloads {

// The annotation purser.dev/saved on a workload: what to give back, and what we set.
inline constexpr std::string_view kSavedAnnotation = "purser.dev/saved";

struct Saved {
  std::int32_t replicas = 0;  // the original, to give back
  std::int32_t set = 0;       // what we set; if the live value differs somebody else changed it
  std::string pool;           // name of the AgentPool (same namespace)
  std::string pool_uid;
  bool operator==(const Saved&) const = default;

  std::string Encode()
      const;  // compact JSON {"replicas":5,"set":0,"pool":"research","poolUID":"…"}
  // Error kCorrupt: not our JSON, wrong types, out of range, larger than 1 KiB.
  static Result<Saved> Decode(std::string_view text);
};

// The replicas asked for at `level`. Stopped: 0 (onStop Zero) or unchanged (Keep). Throttled,
// Proportional: max(min(minReplicas, original), ceil(original * concurrency / maximum)); Keep,
// RefusingWork, Warning, Normal: original. Never above original.
std::int32_t DesiredReplicas(policy::Level level, std::int32_t original, std::int32_t concurrency,
                             std::int32_t maximum, const api::ScalingSpec& scaling);

struct WorkloadState {
  std::int32_t live = 0;  // spec.replicas
  std::optional<Saved> saved;
  std::string changed_by{};  // who set `live` if it was not us; empty: not known
};

struct WorkloadAsk {
  policy::Level level = policy::Level::kNormal;
  std::int32_t concurrency = 0;
  std::int32_t maximum = 0;
  bool may_relax = true;  // false: never raise replicas, never restore
  bool drained = true;    // false: while stopping, leave replicas as they are for now
  std::string pool;
  std::string pool_uid;
};

enum class PlanKind {
  kNothing,   // already as asked
  kTake,      // reduce (or reduce further, or give back a part); `patch_saved` holds the original
  kRestore,   // set replicas back to the original and remove the annotation
  kForget,    // somebody else changed the replicas since: remove the annotation, leave the replicas
  kReassert,  // somebody raised the replicas while a stop or throttle holds: set them down again
};

struct WorkloadPlan {
  PlanKind kind = PlanKind::kNothing;
  std::optional<std::int32_t> replicas;  // to set
  std::optional<Saved> patch_saved;  // annotation to write; with kRestore and kForget it is removed
  std::string explanation;           // "replicas 5 -> 0", "left at 3: changed by kubectl …"
};

// Rules: the original is saved only when absent, in the same patch; a workload already at or below
// what is asked and without annotation is left alone (somebody's 0 stays theirs); while something
// is asked and the live value is above it: take or reassert; when nothing is asked: restore only if
// live == saved.set, otherwise forget. While asked, live below saved.set and below the ask is left
// alone (a person or an autoscaler went lower); when still less is asked, that lower value is the
// original from then on. An annotation of another pool is never overwritten: kNothing with
// explanation.
WorkloadPlan PlanWorkload(const WorkloadState& state, const WorkloadAsk& ask,
                          const api::ScalingSpec& scaling);

}  // namespace purser::workloads
