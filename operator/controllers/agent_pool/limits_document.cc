#include "controllers/agent_pool/limits_document.h"

#include <functional>
#include <nlohmann/json.hpp>

#include "base/json_depth.h"
#include "base/time_text.h"
#include "controllers/agent_pool/pool_demand.h"

namespace purser::controllers {
namespace {

// What is in a ConfigMap anybody may have written: a text of brackets ends no
// process.
nlohmann::json Parse(std::string_view text) {
  if (!DepthWithin(text)) return {};
  return nlohmann::json::parse(text, nullptr, false);
}

}  // namespace

Limits UnlimitedLimits(const api::AgentPool& pool) {
  Limits limits;
  limits.ns = pool.meta.ns;
  limits.pool = pool.meta.name;
  limits.state = "Normal";
  limits.concurrency = pool.spec.max_concurrency;
  for (const auto& agent : CombineDemand(pool, {}).agents)
    limits.agents.push_back({agent.name, "Normal", agent.maximum, 0, agent.model});
  return limits;
}

std::string LimitsDocument(const Limits& limits, Timestamp issued_at,
                           std::optional<Duration> valid_for) {
  nlohmann::ordered_json document;
  document["version"] = 1;
  document["namespace"] = limits.ns;
  document["pool"] = limits.pool;
  document["state"] = limits.state;
  document["maxConcurrency"] = limits.concurrency;
  document["band"] = limits.band;
  if (!limits.budget.empty()) document["budget"] = limits.budget;
  if (limits.resets_at) document["resetsAt"] = FormatUtc(*limits.resets_at);
  document["issuedAt"] = FormatUtc(issued_at);
  if (valid_for) document["validUntil"] = FormatUtc(issued_at + *valid_for);
  auto& list = document["agents"] = nlohmann::ordered_json::object();
  for (const auto& agent : limits.agents) {
    list[agent.name] = {
        {"state", agent.state}, {"maxConcurrency", agent.concurrency}, {"band", agent.band}};
    if (!agent.model.empty()) list[agent.name]["model"] = agent.model;
  }
  return document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::optional<HeldLimits> ReadLimits(std::string_view text) {
  auto document = Parse(text);
  if (!document.is_object() || !document.contains("maxConcurrency")) return std::nullopt;
  const auto pool = document.find("pool");
  if (pool == document.end() || !pool->is_string()) return std::nullopt;
  HeldLimits held;
  held.pool = pool->get<std::string>();
  if (auto until = document.find("validUntil"); until != document.end()) {
    if (until->is_string()) held.valid_until = ParseRfc3339(until->get<std::string>());
    *until = true;
  }
  document.erase("issuedAt");
  held.digest = std::hash<std::string>{}(
      document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return held;
}

}  // namespace purser::controllers
