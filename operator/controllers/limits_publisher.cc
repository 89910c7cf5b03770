#include "controllers/limits_publisher.h"

#include <nlohmann/json.hpp>
#include <optional>

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

Status LimitsPublisher::PublishTo(const api::AgentPool& pool, const api::ConfigMapTarget& target,
                                  const std::string& document) {
  const auto key = pool.meta.key();
  const std::string slot = target.name + "/" + target.key;
  const auto now = std::chrono::steady_clock::now();
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    const auto& known = known_[key];
    if (const auto found = known.find(slot); found != known.end()) {
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
  if (!same) {
    const nlohmann::json apply{{"apiVersion", "v1"},
                               {"kind", "ConfigMap"},
                               {"metadata", {{"name", target.name}, {"namespace", pool.meta.ns}}},
                               {"data", {{target.key, document}}}};
    const auto answer = client_.Apply(path, apply.dump());
    if (!answer) return answer.error().WithContext("ConfigMap " + pool.meta.ns + "/" + target.name);
  }
  const std::lock_guard lock(mutex_);
  known_[key][slot] = {document, now};
  return Ok();
}

Status LimitsPublisher::Publish(const api::AgentPool& pool, const std::string& document) {
  Status first = Ok();
  for (const auto& target : pool.spec.limit_targets) {
    auto published = PublishTo(pool, target, document);
    if (!published.ok() && first.ok()) first = published;
  }
  return first;
}

void LimitsPublisher::Forget(const api::ObjectKey& pool) {
  const std::lock_guard lock(mutex_);
  known_.erase(pool);
}

}  // namespace purser::controllers
