#include "controllers/agent_pool/field_limits.h"

#include <utility>

#include "base/json_depth.h"
#include "base/time_text.h"
#include "controllers/resources.h"

namespace purser::controllers {
namespace {

using Json = nlohmann::json;

// Refused writes are tried again this often, should nothing change.
constexpr std::chrono::minutes kTryRefusedEvery{1};

Error NotThere(const api::FieldTarget& target) {
  return Error(ErrorCode::kInvalidArgument,
               NameOf(target) +
                   ": not found, or what stands there is no number; create it or take it out of "
                   "spec.limitTargets");
}

// As the watch shows it.
FieldSight SightOf(const workloads::Workload& object) {
  FieldSight sight{object.meta.uid, object.meta.resource_version, "", nullptr};
  const auto annotation = object.meta.annotations.find(kLimitedAnnotation);
  if (annotation != object.meta.annotations.end()) sight.annotation = annotation->second;
  if (object.details) sight.live = Json::parse(object.details->value, nullptr, false);
  if (sight.live.is_discarded()) sight.live = nullptr;
  return sight;
}

}  // namespace

FieldLimits::Known FieldLimits::KnownOf(const kube::ObjectKey& pool, const api::FieldTarget& target,
                                        const std::optional<HeldField>& told) const {
  const std::lock_guard lock(mutex_);
  if (const auto all = known_.find(pool); all != known_.end()) {
    if (const auto found = all->second.find(target); found != all->second.end())
      return found->second;
  }
  Known known;
  known.held = told;
  return known;
}

std::vector<api::FieldTarget> FieldLimits::Remembered(const kube::ObjectKey& pool) const {
  std::vector<api::FieldTarget> remembered;
  const std::lock_guard lock(mutex_);
  if (const auto all = known_.find(pool); all != known_.end()) {
    for (const auto& [target, known] : all->second) {
      if (known.held) remembered.push_back(target);
    }
  }
  return remembered;
}

void FieldLimits::Forget(const kube::ObjectKey& pool) {
  const std::lock_guard lock(mutex_);
  known_.erase(pool);
}

Result<std::optional<HeldField>> FieldLimits::Write(const api::AgentPool& pool,
                                                    const api::FieldTarget& target,
                                                    KindWatch& watch,
                                                    std::optional<std::int32_t> limit,
                                                    const std::optional<HeldField>& held,
                                                    const NamedBy& named_by) {
  const auto path = kube::ObjectPath(watch.kind->type(), {pool.meta.ns, target.name});
  const auto answer = client_.Get(path);
  if (!answer) {
    if (answer.error().code() == ErrorCode::kNotFound && !limit) return std::optional<HeldField>();
    return answer.error().WithContext(NameOf(target));
  }
  if (!DepthWithin(*answer, 2 * kDeepestJson))
    return Error(ErrorCode::kInvalidArgument, NameOf(target) + ": the object is nested too deeply");
  const auto sight = controllers::SightOf(Json::parse(*answer, nullptr, false), target);
  if (!sight) return sight.error();
  const auto plan = PlanField(pool.meta.name, target, *sight, limit, held, named_by);
  if (!plan) return plan.error();
  if (plan->patch.is_null()) return plan->held;
  const auto written = client_.MergePatch(path, plan->patch.dump());
  if (!written) {
    if (written.error().code() == ErrorCode::kNotFound && !limit) return std::optional<HeldField>();
    return written.error().WithContext(NameOf(target));
  }
  ObserveAnswer(watch.informer, *written,
                [&watch](simdjson::dom::element object) { return watch.kind->Decode(object); });
  return plan->held;
}

LimitOutcome FieldLimits::Set(const api::AgentPool& pool, const api::FieldTarget& target,
                              std::optional<std::int32_t> limit, std::optional<HeldField>& held,
                              const NamedBy& named_by, Timestamp now) {
  const auto key = pool.meta.key();
  auto known = KnownOf(key, target, held);
  held = known.held;
  const auto keep = [&](LimitOutcome outcome) {
    known.held = held;
    const std::lock_guard lock(mutex_);
    known_[key].insert_or_assign(target, known);
    return outcome;
  };

  const auto sight = kinds_.Of(FieldKindOf(target));
  if (!sight.watch) {
    // Where its definition is gone, so is the object.
    if (sight.problem.reason == "KindNotServed" && !limit) {
      held.reset();
      return keep({});
    }
    if (sight.problem.message.empty())
      return keep({NameOf(target) + ": its kind is being listed", Ok(), std::nullopt});
    // Told again when the kind shows itself.
    return keep({NameOf(target) + ": " + sight.problem.message, Ok(), std::nullopt});
  }
  const auto object = sight.watch->informer.Get({pool.meta.ns, target.name});
  if (!object) {
    // A field that holds something else hides the object: then nothing is held.
    held.reset();
    return keep(limit ? OutcomeOf(NotThere(target)) : LimitOutcome{});
  }
  const auto seen = SightOf(*object);
  const auto plan = PlanField(pool.meta.name, target, seen, limit, held, named_by);
  if (!plan) return keep(OutcomeOf(plan.error()));
  if (plan->patch.is_null()) {
    held = plan->held;
    return keep({});
  }
  // Somebody undid what we set, and nobody asked for anything else.
  const bool undone = limit && plan->held && held && held->uid == seen.uid &&
                      held->set == plan->held->set && seen.live.dump() != held->set;
  if (undone && !known.undone)
    known.contention.Reversed(now, object->replicas_manager, LevelOfLimit(*limit));
  if (limit) {
    const auto again = known.contention.NextReassert(now, LevelOfLimit(*limit));
    if (again > now) {
      const auto& by = known.contention.by();
      known.undone = true;
      return keep({NameOf(target) + ": " + (by.empty() ? std::string("somebody") : by) +
                       " keeps changing it; it is set again at " + FormatUtc(again) +
                       ": have it leave the field alone, or take it out of spec.limitTargets",
                   Ok(), again});
    }
  }
  const auto set = plan->held ? plan->held->set : std::string();
  if (!known.refused.empty() && known.refused_version == seen.resource_version &&
      known.refused_set == set && now - known.refused_at < kTryRefusedEvery)
    return keep({known.refused, Ok(), known.refused_at + kTryRefusedEvery});

  const auto written = Write(pool, target, *sight.watch, limit, held, named_by);
  if (!written) {
    auto outcome = OutcomeOf(written.error());
    if (outcome.retry.ok()) {
      known.refused = outcome.problem;
      known.refused_version = seen.resource_version;
      known.refused_set = set;
      known.refused_at = now;
      outcome.next = now + kTryRefusedEvery;
    }
    return keep(std::move(outcome));
  }
  known.refused.clear();
  known.undone = false;
  held = *written;
  return keep({});
}

}  // namespace purser::controllers
