#include "controllers/agent_pool/limits_publisher.h"

#include <simdjson.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "controllers/resources.h"

namespace purser::controllers {
namespace {

constexpr std::size_t kLongestLabel = 63;

// Somebody refused it, and will again: an immutable ConfigMap, a rule, missing
// rights.
bool Refused(const Error& error) {
  return error.code() == ErrorCode::kInvalidArgument ||
         error.code() == ErrorCode::kPermissionDenied;
}

std::string Named(const api::ConfigMapTarget& target) {
  return "ConfigMap " + target.name + " key " + target.key;
}

void Note(const api::ConfigMapTarget& target, const std::optional<Error>& problem,
          TargetsReport& report) {
  report.targets.push_back({target, problem ? problem->message() : ""});
  if (problem && !Refused(*problem)) KeepFirst(report.retry, Status(*problem));
}

}  // namespace

std::string PoolLabelOf(const std::string& pool) {
  std::string label = pool.substr(0, kLongestLabel);
  while (!label.empty() && (label.back() == '-' || label.back() == '.')) label.pop_back();
  return label;
}

Result<LimitsPublisher::Held> LimitsPublisher::Read(const std::string& ns,
                                                    const api::ConfigMapTarget& target) {
  Held held;
  const kube::ObjectKey key{ns, target.name};
  const auto answer = client_.Get(kube::ObjectPath(ConfigMapType(), key));
  if (!answer) {
    if (answer.error().code() == ErrorCode::kNotFound) return held;
    return answer.error().WithContext(Named(target));
  }
  held.exists = true;
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(*answer);
  simdjson::dom::element document;
  std::string_view text;
  if (parser.parse(padded).get(document) != simdjson::SUCCESS)
    return Error(ErrorCode::kCorrupt, Named(target) + ": the answer is not JSON");
  if (document["metadata"]["resourceVersion"].get(text) == simdjson::SUCCESS)
    held.resource_version = text;
  if (document["data"][target.key].get(text) == simdjson::SUCCESS) held.text = std::string(text);
  return held;
}

Status LimitsPublisher::Write(const api::AgentPool& pool, const api::ConfigMapTarget& target,
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
  return Ok();
}

std::optional<Error> LimitsPublisher::PublishTo(const api::AgentPool& pool,
                                                const api::ConfigMapTarget& target,
                                                const Limits& limits, const NamedBy& named_by,
                                                Timestamp now) {
  const auto key = pool.meta.key();
  const auto seen = std::chrono::steady_clock::now();
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    const auto& known = known_[key];
    if (const auto found = known.find(target); found != known.end()) {
      changed = found->second.limits != limits;
      if (!changed && seen - found->second.at < kVerifyLimitsEvery) return std::nullopt;
    }
  }
  const auto wanted = LimitsDocument(limits, now);
  if (changed) {
    // We hold the key: no time is lost between the decision and its being
    // known.
    if (const auto written = Write(pool, target, wanted, ""); !written.ok()) return written.error();
  } else {
    const auto held = Read(pool.meta.ns, target);
    if (!held) return held.error();
    if (held->text) {
      const auto holder = PoolOfLimits(*held->text);
      if (!holder) {
        return Error(ErrorCode::kInvalidArgument,
                     Named(target) +
                         ": holds something else than limits, which is left as it is; "
                         "remove that "
                         "key or name another in spec.limitTargets[].configMap.key");
      }
      if (*holder != pool.meta.name && named_by(*holder, target)) {
        return Error(ErrorCode::kInvalidArgument,
                     Named(target) + ": AgentPool " + *holder +
                         " publishes its limits there; name another key in "
                         "spec.limitTargets[].configMap.key of one of them");
      }
    }
    if (!held->text || !SameLimits(*held->text, wanted)) {
      const auto written = Write(pool, target, wanted, held->resource_version);
      if (!written.ok()) return written.error();
    }
  }
  const std::lock_guard lock(mutex_);
  known_[key][target] = {limits, seen};
  return std::nullopt;
}

TargetsReport LimitsPublisher::Publish(const api::AgentPool& pool, const Limits& limits,
                                       const NamedBy& named_by, Timestamp now) {
  TargetsReport report;
  for (const auto& target : pool.spec.limit_targets)
    Note(target, PublishTo(pool, target, limits, named_by, now), report);
  Restore(pool, FormerTargets(pool), now, report);
  return report;
}

TargetsReport LimitsPublisher::Restore(const api::AgentPool& pool, Timestamp now) {
  TargetsReport report;
  auto targets = FormerTargets(pool);
  targets.insert(targets.end(), pool.spec.limit_targets.begin(), pool.spec.limit_targets.end());
  Restore(pool, targets, now, report);
  return report;
}

void LimitsPublisher::Restore(const api::AgentPool& pool,
                              const std::vector<api::ConfigMapTarget>& targets, Timestamp now,
                              TargetsReport& report) {
  for (const auto& target : targets) {
    if (const auto problem = RestoreAt(pool, target, now)) Note(target, problem, report);
  }
}

std::optional<Error> LimitsPublisher::RestoreAt(const api::AgentPool& pool,
                                                const api::ConfigMapTarget& target, Timestamp now) {
  const auto held = Read(pool.meta.ns, target);
  if (!held) return held.error();
  const auto document = LimitsDocument(UnlimitedLimits(pool), now);
  if (held->text && PoolOfLimits(*held->text) == pool.meta.name &&
      !SameLimits(*held->text, document)) {
    const auto written = Write(pool, target, document, held->resource_version);
    if (!written.ok()) return written.error();
  }
  const std::lock_guard lock(mutex_);
  if (const auto known = known_.find(pool.meta.key()); known != known_.end())
    known->second.erase(target);
  return std::nullopt;
}

std::vector<api::ConfigMapTarget> LimitsPublisher::FormerTargets(const api::AgentPool& pool) {
  std::set<api::ConfigMapTarget> former;
  for (const auto& told : pool.status.limit_targets) former.insert(told.config_map);
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = known_.find(pool.meta.key()); known != known_.end()) {
      for (const auto& [target, what] : known->second) former.insert(target);
    }
  }
  for (const auto& target : pool.spec.limit_targets) former.erase(target);
  return {former.begin(), former.end()};
}

void LimitsPublisher::Forget(const kube::ObjectKey& pool) {
  const std::lock_guard lock(mutex_);
  known_.erase(pool);
}

}  // namespace purser::controllers
