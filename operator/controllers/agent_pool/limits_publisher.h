// Publishes a pool's live limits where it says, so that agents and gateways can follow them, and
// restores them there.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/agent_pool.h"
#include "base/clock.h"
#include "base/result.h"
#include "controllers/agent_pool/config_map_limits.h"
#include "controllers/agent_pool/field_limits.h"
#include "controllers/agent_pool/limit_outcome.h"
#include "controllers/agent_pool/limits_document.h"
#include "controllers/agent_pool/webhook_outbox.h"
#include "controllers/kind_watches.h"
#include "kube/client.h"

namespace purser::controllers {

// What became of the targets of a pool.
struct TargetsReport {
  std::vector<api::LimitTargetStatus> targets;  // of the spec, and former ones not restored yet
  Status retry = Ok();  // an error that is worth another try soon; the problems say all of them
  std::optional<Timestamp> next{};  // when one of them is to be looked at again
};

// The kinds that have to be watched for a pool's fields: those of its spec, and those where
// something is held.
std::vector<api::WorkloadRef> FieldKindsOf(const api::AgentPool& pool);

// Thread-safe. Writes only what differs, and asks nothing where it is watched.
class LimitsPublisher {
 public:
  // See ConfigMapLimits for `config_maps`. `webhooks` null: there are none here. All must outlive
  // it.
  LimitsPublisher(kube::Client& client, const KindWatches& kinds,
                  ConfigMapLimits::Cache* config_maps, WebhookOutbox* webhooks)
      : config_maps_(client, config_maps), fields_(client, kinds), webhooks_(webhooks) {}

  // Every target gets `limits`; those that got some before, as the status or memory tells, and are
  // targets no longer, the unlimited ones.
  TargetsReport Publish(const api::AgentPool& pool, const Limits& limits, const NamedBy& named_by,
                        Timestamp now);
  // Every place that holds limits of this pool gets the unlimited ones. What cannot be restored is
  // told in the problems; only what a retry may mend is in `retry`.
  TargetsReport Restore(const api::AgentPool& pool, Timestamp now);
  void Forget(const kube::ObjectKey& pool);

 private:
  std::vector<api::LimitPlace> FormerPlaces(const api::AgentPool& pool) const;
  void RestoreAt(const api::AgentPool& pool, const api::LimitPlace& place, const NamedBy& named_by,
                 Timestamp now, TargetsReport& report);
  LimitOutcome SetField(const api::AgentPool& pool, const api::FieldTarget& field,
                        std::optional<std::int32_t> limit, const NamedBy& named_by, Timestamp now,
                        api::LimitTargetStatus& status);

  // `limits` null: the unlimited ones.
  LimitOutcome Post(const api::AgentPool& pool, const std::string& webhook, const Limits* limits,
                    std::optional<std::int32_t> valid_seconds, Timestamp now);

  ConfigMapLimits config_maps_;
  FieldLimits fields_;
  WebhookOutbox* const webhooks_;
};

}  // namespace purser::controllers
