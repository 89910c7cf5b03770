#include "controllers/agent_pool/limits_publisher.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "controllers/agent_pool/pool_demand.h"
#include "controllers/resources.h"

namespace purser::controllers {
namespace {

// What the ConfigMap holds under `key`; nothing when it has no such key.
std::optional<std::string> ReadKey(const std::string& config_map, const std::string& key) {
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(config_map);
  simdjson::dom::element document;
  std::string_view value;
  if (parser.parse(padded).get(document) != simdjson::SUCCESS) return std::nullopt;
  if (document["data"][key].get(value) != simdjson::SUCCESS) return std::nullopt;
  return std::string(value);
}

// Another pool may have been given the same ConfigMap.
bool IsOf(const api::AgentPool& pool, const std::string& document) {
  const auto limits = nlohmann::json::parse(document, nullptr, false);
  return limits.is_object() && limits.value("pool", nlohmann::json()) == pool.meta.name;
}

}  // namespace

std::string LimitsDocument(const api::AgentPool& pool, const std::string& state,
                           std::int32_t concurrency, const std::vector<PublishedAgent>& agents) {
  nlohmann::ordered_json document;
  document["pool"] = pool.meta.name;
  document["state"] = state;
  document["maxConcurrency"] = concurrency;
  auto& list = document["agents"] = nlohmann::ordered_json::object();
  for (const auto& agent : agents) {
    list[agent.name] = {{"state", agent.state}, {"maxConcurrency", agent.concurrency}};
  }
  return document.dump();
}

std::string OpenLimitsDocument(const api::AgentPool& pool) {
  std::vector<PublishedAgent> agents;
  for (const auto& agent : CombineDemand(pool, {}).agents)
    agents.push_back({agent.name, "Normal", agent.maximum});
  return LimitsDocument(pool, "Normal", pool.spec.max_concurrency, agents);
}

Status LimitsPublisher::Write(const api::AgentPool& pool, const api::ConfigMapTarget& target,
                              const std::string& document) {
  const kube::ObjectKey key{pool.meta.ns, target.name};
  nlohmann::json content{{"data", {{target.key, document}}}};
  // Not applied: what is applied and left out the next time is removed, and other keys may be other
  // targets.
  auto answer = client_.MergePatch(kube::ObjectPath(ConfigMapType(), key), content.dump());
  if (!answer && answer.error().code() == ErrorCode::kNotFound) {
    content["apiVersion"] = "v1";
    content["kind"] = "ConfigMap";
    content["metadata"] = {{"name", key.name}, {"namespace", key.ns}};
    answer = client_.Create(kube::CollectionPath(ConfigMapType(), key.ns), content.dump());
  }
  if (!answer) return answer.error().WithContext("ConfigMap " + key.ToString());
  return Ok();
}

Status LimitsPublisher::PublishTo(const api::AgentPool& pool, const api::ConfigMapTarget& target,
                                  const std::string& document) {
  const auto key = pool.meta.key();
  const auto now = std::chrono::steady_clock::now();
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    const auto& known = known_[key];
    if (const auto found = known.find(target); found != known.end()) {
      changed = found->second.document != document;
      if (!changed && now - found->second.at < kVerifyLimitsEvery) return Ok();
    }
  }
  const auto path = kube::ObjectPath(ConfigMapType(), {pool.meta.ns, target.name});
  bool same = false;
  if (!changed) {
    const auto current = client_.Get(path);
    same = current && ReadKey(*current, target.key) == document;
  }
  if (!same) PURSER_RETURN_IF_ERROR(Write(pool, target, document));
  const std::lock_guard lock(mutex_);
  known_[key][target] = {document, now};
  return Ok();
}

Status LimitsPublisher::Publish(const api::AgentPool& pool, const std::string& document) {
  Status first = Ok();
  for (const auto& target : pool.spec.limit_targets)
    KeepFirst(first, PublishTo(pool, target, document));
  KeepFirst(first, OpenAll(pool, FormerTargets(pool)));
  return first;
}

Status LimitsPublisher::Open(const api::AgentPool& pool) {
  auto targets = FormerTargets(pool);
  targets.insert(targets.end(), pool.spec.limit_targets.begin(), pool.spec.limit_targets.end());
  return OpenAll(pool, targets);
}

Status LimitsPublisher::OpenAll(const api::AgentPool& pool,
                                const std::vector<api::ConfigMapTarget>& targets) {
  Status first = Ok();
  for (const auto& target : targets) KeepFirst(first, OpenAt(pool, target));
  return first;
}

Status LimitsPublisher::OpenAt(const api::AgentPool& pool, const api::ConfigMapTarget& target) {
  const kube::ObjectKey key{pool.meta.ns, target.name};
  const auto current = client_.Get(kube::ObjectPath(ConfigMapType(), key));
  if (!current && current.error().code() != ErrorCode::kNotFound)
    return current.error().WithContext("ConfigMap " + key.ToString());
  const auto document = OpenLimitsDocument(pool);
  const auto held = current ? ReadKey(*current, target.key) : std::nullopt;
  if (held && *held != document && IsOf(pool, *held))
    PURSER_RETURN_IF_ERROR(Write(pool, target, document));
  const std::lock_guard lock(mutex_);
  if (const auto known = known_.find(pool.meta.key()); known != known_.end())
    known->second.erase(target);
  return Ok();
}

std::vector<api::ConfigMapTarget> LimitsPublisher::FormerTargets(const api::AgentPool& pool) {
  std::vector<api::ConfigMapTarget> former;
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(pool.meta.key());
  if (known == known_.end()) return former;
  const auto& targets = pool.spec.limit_targets;
  for (const auto& [target, what] : known->second) {
    if (std::find(targets.begin(), targets.end(), target) == targets.end())
      former.push_back(target);
  }
  return former;
}

void LimitsPublisher::Forget(const kube::ObjectKey& pool) {
  const std::lock_guard lock(mutex_);
  known_.erase(pool);
}

}  // namespace purser::controllers
