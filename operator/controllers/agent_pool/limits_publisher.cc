#include "controllers/agent_pool/limits_publisher.h"

#include <algorithm>
#include <set>
#include <utility>

namespace purser::controllers {
namespace {

// So long a pool that goes waits until a webhook has been told.
constexpr std::chrono::minutes kWaitForWebhook{5};

void Note(api::LimitTargetStatus status, const LimitOutcome& outcome, TargetsReport& report) {
  status.problem = outcome.problem;
  report.targets.push_back(std::move(status));
  KeepFirst(report.retry, outcome.retry);
  Earliest(report.next, outcome.next);
}

api::LimitTargetStatus StatusAt(const api::LimitPlace& place) {
  api::LimitTargetStatus status;
  status.config_map = place.config_map;
  status.field = place.field;
  status.webhook = place.webhook;
  return status;
}

bool Names(const api::AgentPoolStatus& status, const api::LimitPlace& place) {
  return std::any_of(status.limit_targets.begin(), status.limit_targets.end(),
                     [&](const auto& told) { return told.place() == place; });
}

// What the pool's status says is held there.
std::optional<HeldField> HeldIn(const api::AgentPoolStatus& status, const api::FieldTarget& field) {
  for (const auto& told : status.limit_targets) {
    if (told.field == field && !told.set.empty()) return HeldField{told.uid, told.before, told.set};
  }
  return std::nullopt;
}

}  // namespace

std::vector<api::WorkloadRef> FieldKindsOf(const api::AgentPool& pool) {
  std::vector<api::WorkloadRef> kinds;
  for (const auto& target : pool.spec.limit_targets) {
    if (target.field) kinds.push_back(FieldKindOf(*target.field));
  }
  for (const auto& told : pool.status.limit_targets) {
    if (told.field) kinds.push_back(FieldKindOf(*told.field));
  }
  return kinds;
}

LimitOutcome LimitsPublisher::SetField(const api::AgentPool& pool, const api::FieldTarget& field,
                                       std::optional<std::int32_t> limit, const NamedBy& named_by,
                                       Timestamp now, api::LimitTargetStatus& status) {
  auto held = HeldIn(pool.status, field);
  auto outcome = fields_.Set(pool, field, limit, held, named_by, now);
  if (held) {
    // Also where it failed: it is restored once it may be.
    status.uid = held->uid;
    status.before = held->before;
    status.set = held->set;
  }
  return outcome;
}

LimitOutcome LimitsPublisher::Post(const api::AgentPool& pool, const std::string& webhook,
                                   const Limits* limits, std::optional<std::int32_t> valid_seconds,
                                   Timestamp now) {
  const auto key = pool.meta.key();
  const std::string name = "webhook " + webhook;
  if (webhooks_ == nullptr)
    return {name + ": a running operator alone knows it, and nobody tells it now", Ok(), {}};
  if (!webhooks_->Knows(webhook)) {
    return {name +
                ": the operator's configuration has none of that name (limitWebhooks[].name); ask "
                "who runs it, or take it out of spec.limitTargets",
            Ok(),
            {}};
  }
  std::optional<Duration> valid_for;
  if (valid_seconds) valid_for = std::chrono::seconds(*valid_seconds);
  const auto document =
      LimitsDocument(limits != nullptr ? *limits : UnlimitedLimits(pool), now, valid_for);
  const auto digest = ReadLimits(document)->digest;
  LimitOutcome outcome;
  const auto before = webhooks_->Of(key, webhook);
  const bool stale = before && valid_for && before->since + *valid_for / 2 <= now;
  webhooks_->Put(key, webhook, document, digest, stale);
  const auto standing = webhooks_->Of(key, webhook);
  if (!standing) return outcome;
  if (valid_for) outcome.next = standing->since + *valid_for / 2;
  if (!standing->problem.empty()) outcome.problem = name + ": " + standing->problem;
  if (limits == nullptr && !standing->taken && standing->problem.empty())
    outcome.problem = name + ": is being told that nothing is limited any more";
  // It comes again with the outcome; whom nobody answers keeps no pool for ever.
  if (pool.meta.deleting && !standing->taken && !standing->refused &&
      now - standing->since < kWaitForWebhook)
    outcome.retry = Error(ErrorCode::kUnavailable, outcome.problem);
  return outcome;
}

TargetsReport LimitsPublisher::Publish(const api::AgentPool& pool, const Limits& limits,
                                       const NamedBy& named_by, Timestamp now) {
  TargetsReport report;
  std::optional<std::int32_t> limit;
  if (limits.concurrency < pool.spec.max_concurrency) limit = limits.concurrency;
  for (const auto& target : pool.spec.limit_targets) {
    auto status = StatusAt(target.place());
    const auto outcome = target.field ? SetField(pool, *target.field, limit, named_by, now, status)
                         : target.webhook
                             ? Post(pool, target.webhook->name, &limits, target.valid_seconds, now)
                             : config_maps_.Publish(pool, target.config_map, limits,
                                                    target.valid_seconds, named_by, now);
    Note(std::move(status), outcome, report);
  }
  for (const auto& place : FormerPlaces(pool)) RestoreAt(pool, place, named_by, now, report);
  return report;
}

TargetsReport LimitsPublisher::Restore(const api::AgentPool& pool, Timestamp now) {
  TargetsReport report;
  auto places = FormerPlaces(pool);
  for (const auto& target : pool.spec.limit_targets) places.push_back(target.place());
  // Another pool that names it, too, is refused until this one is gone.
  const NamedBy nobody = [](const std::string&, const api::LimitPlace&) { return false; };
  for (const auto& place : places) RestoreAt(pool, place, nobody, now, report);
  return report;
}

void LimitsPublisher::RestoreAt(const api::AgentPool& pool, const api::LimitPlace& place,
                                const NamedBy& named_by, Timestamp now, TargetsReport& report) {
  auto status = StatusAt(place);
  const auto outcome = place.field
                           ? SetField(pool, *place.field, std::nullopt, named_by, now, status)
                       : place.webhook ? Post(pool, place.webhook->name, nullptr, std::nullopt, now)
                                       : config_maps_.Restore(pool, place.config_map, now);
  if (outcome.problem.empty()) {
    // As long as the status names it, it would be told again.
    if (place.webhook && webhooks_ != nullptr && !Names(pool.status, place))
      webhooks_->Forget(pool.meta.key(), place.webhook->name);
    return;
  }
  Note(std::move(status), outcome, report);
}

std::vector<api::LimitPlace> LimitsPublisher::FormerPlaces(const api::AgentPool& pool) const {
  std::set<api::LimitPlace> former;
  for (const auto& told : pool.status.limit_targets) former.insert(told.place());
  for (const auto& target : config_maps_.Remembered(pool.meta.key()))
    former.insert({target, {}, {}});
  for (const auto& target : fields_.Remembered(pool.meta.key())) former.insert({{}, target, {}});
  if (webhooks_ != nullptr) {
    for (auto& name : webhooks_->Remembered(pool.meta.key()))
      former.insert({{}, {}, api::WebhookTarget{std::move(name)}});
  }
  for (const auto& target : pool.spec.limit_targets) former.erase(target.place());
  return {former.begin(), former.end()};
}

void LimitsPublisher::Forget(const kube::ObjectKey& pool) {
  config_maps_.Forget(pool);
  fields_.Forget(pool);
  if (webhooks_ != nullptr) webhooks_->Forget(pool);
}

}  // namespace purser::controllers
