#include "controllers/agent_pool/config_map_limits.h"

#include <simdjson.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/time_text.h"
#include "controllers/resources.h"

namespace purser::controllers {
namespace {

std::string Named(const api::ConfigMapTarget& target) {
  return "ConfigMap " + target.name + " key " + target.key;
}

LimitOutcome Told(const api::ConfigMapTarget& target, const std::string& why, Timestamp next) {
  return {Named(target) + ": " + why, Ok(), next};
}

// When half of the time is over.
std::optional<Timestamp> RefreshAt(const HeldLimits& held, std::optional<Duration> valid_for) {
  if (!valid_for || !held.valid_until) return std::nullopt;
  return *held.valid_until - *valid_for / 2;
}

std::string KeepsChanging(Timestamp until) {
  return "somebody keeps changing it; the limits are written again at " + FormatUtc(until) +
         ": find who writes it (kubectl get configmap --show-managed-fields -o yaml) and have it "
         "leave the key alone";
}

}  // namespace

ConfigMapLimits::Known ConfigMapLimits::KnownOf(const kube::ObjectKey& pool,
                                                const api::ConfigMapTarget& target) const {
  const std::lock_guard lock(mutex_);
  const auto all = known_.find(pool);
  if (all == known_.end()) return {};
  const auto found = all->second.find(target);
  return found == all->second.end() ? Known() : found->second;
}

void ConfigMapLimits::Know(const kube::ObjectKey& pool, const api::ConfigMapTarget& target,
                           Known known) {
  const std::lock_guard lock(mutex_);
  known_[pool].insert_or_assign(target, std::move(known));
}

std::vector<api::ConfigMapTarget> ConfigMapLimits::Remembered(const kube::ObjectKey& pool) const {
  std::vector<api::ConfigMapTarget> remembered;
  const std::lock_guard lock(mutex_);
  if (const auto all = known_.find(pool); all != known_.end()) {
    for (const auto& [target, known] : all->second) remembered.push_back(target);
  }
  return remembered;
}

void ConfigMapLimits::Forget(const kube::ObjectKey& pool) {
  const std::lock_guard lock(mutex_);
  known_.erase(pool);
}

std::string ConfigMapLimits::WatchedVersion(const kube::ObjectKey& key) const {
  if (cache_ == nullptr || !cache_->HasSynced()) return "";
  const auto map = cache_->Get(key);
  return map ? map->meta.resource_version : "";
}

Result<ConfigMapLimits::Held> ConfigMapLimits::Look(const std::string& ns,
                                                    const api::ConfigMapTarget& target) {
  Held held;
  const auto take = [&](const LimitsMap& map) {
    held.resource_version = map.meta.resource_version;
    const auto key = map.keys.find(target.key);
    held.has_key = key != map.keys.end();
    if (held.has_key) held.limits = key->second;
  };
  const kube::ObjectKey key{ns, target.name};
  if (cache_ != nullptr && cache_->HasSynced()) {
    if (const auto map = cache_->Get(key)) {
      held.watched = true;
      take(*map);
      return held;
    }
  }
  const auto answer = client_.Get(kube::ObjectPath(ConfigMapType(), key));
  if (!answer) {
    if (answer.error().code() == ErrorCode::kNotFound) return held;
    return answer.error().WithContext(Named(target));
  }
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(*answer);
  simdjson::dom::element document;
  if (parser.parse(padded).get(document) != simdjson::SUCCESS)
    return Error(ErrorCode::kCorrupt, Named(target) + ": the answer is not JSON");
  const auto map = DecodeLimitsMap(document);
  if (!map) return map.error().WithContext(Named(target));
  take(*map);
  return held;
}

Status ConfigMapLimits::Write(const api::AgentPool& pool, const api::ConfigMapTarget& target,
                              const std::string& document, const std::string& resource_version) {
  const kube::ObjectKey key{pool.meta.ns, target.name};
  nlohmann::json content{{"metadata", {{"labels", {{kPoolLabel, PoolLabelOf(pool.meta.name)}}}}},
                         {"data", {{target.key, document}}}};
  if (!resource_version.empty()) content["metadata"]["resourceVersion"] = resource_version;
  // Not applied: what is applied and left out the next time is removed, and
  // other keys may be other targets.
  auto answer = client_.MergePatch(kube::ObjectPath(ConfigMapType(), key), content.dump());
  if (!answer && answer.error().code() == ErrorCode::kNotFound) {
    content["apiVersion"] = "v1";
    content["kind"] = "ConfigMap";
    content["metadata"]["name"] = key.name;
    content["metadata"]["namespace"] = key.ns;
    content["metadata"].erase("resourceVersion");
    answer = client_.Create(kube::CollectionPath(ConfigMapType(), key.ns), content.dump());
  }
  if (!answer) return answer.error().WithContext(Named(target));
  if (cache_ != nullptr) ObserveAnswer(*cache_, *answer, &DecodeLimitsMap);
  return Ok();
}

LimitOutcome ConfigMapLimits::Publish(const api::AgentPool& pool,
                                      const api::ConfigMapTarget& target, const Limits& limits,
                                      std::optional<std::int32_t> valid_seconds,
                                      const NamedBy& named_by, Timestamp now) {
  const auto key = pool.meta.key();
  std::optional<Duration> valid_for;
  if (valid_seconds) valid_for = std::chrono::seconds(*valid_seconds);
  const auto document = LimitsDocument(limits, now, valid_for);
  const auto wanted = *ReadLimits(document);
  auto known = KnownOf(key, target);
  const auto watched = WatchedVersion({pool.meta.ns, target.name});
  const bool lately = known.at != Timestamp{} && now - known.at < kVerifyLimitsEvery;
  const bool refused = !known.problem.empty();
  // Nothing has changed since, as far as can be told without asking.
  if (lately && known.digest == wanted.digest && known.version == watched &&
      (refused || (watched.empty() && !valid_for)))
    return {known.problem, Ok(), known.at + kVerifyLimitsEvery};

  const auto held = Look(pool.meta.ns, target);
  if (!held) return OutcomeOf(held.error());
  LimitOutcome outcome;
  const bool ours = held->limits && held->limits->pool == pool.meta.name;
  if (held->has_key && !held->limits) {
    outcome = Told(target,
                   "holds something else than limits, which is left as it is; remove that key or "
                   "name another in spec.limitTargets[].configMap.key",
                   now + kVerifyLimitsEvery);
  } else if (held->limits && !ours && named_by(held->limits->pool, {target, {}, {}})) {
    outcome = Told(target,
                   "AgentPool " + held->limits->pool +
                       " publishes its limits there; name another key in "
                       "spec.limitTargets[].configMap.key of one of them",
                   now + kVerifyLimitsEvery);
  } else {
    const auto refresh = ours ? RefreshAt(*held->limits, valid_for) : std::nullopt;
    const bool same = ours && held->limits->digest == wanted.digest;
    const bool stale = valid_for && (!refresh || *refresh <= now);
    // Without our label it is hidden from the watch.
    const bool hidden = ours && !held->watched && cache_ != nullptr && cache_->HasSynced();
    if (!same || stale || hidden) {
      // What we wrote is there no more, and nobody asked for anything else.
      if (!same && known.ours && known.digest == wanted.digest)
        known.contention.Reversed(now, "", LevelOfLimit(limits.concurrency));
      const auto again = known.contention.NextReassert(now, LevelOfLimit(limits.concurrency));
      if (again > now) {
        outcome = Told(target, KeepsChanging(again), again);
        known.digest = wanted.digest;
        // The next look is no reversal of its own.
        known.ours = false;
        known.at = Timestamp{};
        known.problem.clear();
        Know(key, target, std::move(known));
        return outcome;
      }
      const auto written = Write(pool, target, document, ours ? "" : held->resource_version);
      if (!written.ok()) {
        outcome = OutcomeOf(written.error());
        if (outcome.retry.ok()) outcome.next = now + kVerifyLimitsEvery;
      } else if (valid_for) {
        outcome.next = now + *valid_for / 2;
      }
    } else {
      outcome.next = refresh;
    }
    if (!held->watched && outcome.problem.empty()) Earliest(outcome.next, now + kVerifyLimitsEvery);
  }
  known.digest = wanted.digest;
  known.at = now;
  known.ours = outcome.problem.empty();
  known.version = watched;
  known.problem = outcome.problem;
  Know(key, target, std::move(known));
  return outcome;
}

LimitOutcome ConfigMapLimits::Restore(const api::AgentPool& pool,
                                      const api::ConfigMapTarget& target, Timestamp now) {
  const auto held = Look(pool.meta.ns, target);
  if (!held) return OutcomeOf(held.error());
  const auto document = LimitsDocument(UnlimitedLimits(pool), now);
  const bool ours = held->limits && held->limits->pool == pool.meta.name;
  if (ours && held->limits->digest != ReadLimits(document)->digest) {
    const auto written = Write(pool, target, document, held->resource_version);
    if (!written.ok()) return OutcomeOf(written.error());
  }
  const std::lock_guard lock(mutex_);
  if (const auto all = known_.find(pool.meta.key()); all != known_.end()) all->second.erase(target);
  return {};
}

}  // namespace purser::controllers
