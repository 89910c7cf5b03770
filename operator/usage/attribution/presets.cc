#include "usage/attribution/presets.h"

#include <utility>

namespace purser::usage::attribution {
namespace {

DimensionRule From(std::vector<std::string> labels) { return {std::move(labels), {}, {}}; }

// Without a preset, and what the plain preset means.
void Plain(SourceRules& rules) {
  rules.ns = From({"namespace"});
  rules.agent = From({"agent"});
  rules.model = From({"model"});
  rules.task = From({"task"});
  rules.workflow = From({"workflow"});
  rules.provider = From({"provider"});
}

// Gateways tell nothing of tasks; their own namespace is the last resort, for those who run it
// beside their agents.
void Gateway(SourceRules& rules, std::vector<std::string> cost, std::vector<std::string> ns,
             std::vector<std::string> agent, std::vector<std::string> model, std::string provider) {
  rules.cost_metrics = std::move(cost);
  ns.emplace_back("namespace");
  rules.ns = From(std::move(ns));
  rules.agent = From(std::move(agent));
  rules.model = From(std::move(model));
  if (!provider.empty()) rules.provider = From({std::move(provider)});
}

// Attributes of OpenTelemetry resources, on the series itself or in target_info.
void Resource(SourceRules& rules) {
  rules.target_info = true;
  rules.ns = From({"purser_namespace", "k8s_namespace_name"});
  rules.agent = From({"purser_agent", "k8s_deployment_name", "k8s_statefulset_name",
                      "k8s_cronjob_name", "k8s_job_name"});
}

void OtelGenAi(SourceRules& rules) {
  Resource(rules);
  rules.agent.from.insert(rules.agent.from.begin() + 1, "gen_ai_agent_name");
  rules.model = From({"gen_ai_response_model", "gen_ai_request_model"});
  rules.provider = From({"gen_ai_provider_name", "gen_ai_system"});
  rules.type_label = "gen_ai_token_type";
  rules.one_metric_a_kind = true;
  rules.tokens = {{"gen_ai_client_token_usage_sum", {}}};
  const std::string generation = "gen_ai_client_inference_usage_";
  for (const char* suffix : {"_total", ""}) {
    rules.tokens.push_back({generation + "input_tokens" + suffix, Quantity::kInputTokens});
    rules.tokens.push_back({generation + "output_tokens" + suffix, Quantity::kOutputTokens});
    rules.tokens.push_back(
        {generation + "cache_read_input_tokens" + suffix, Quantity::kCachedTokens});
    rules.tokens.push_back(
        {generation + "cache_write_input_tokens" + suffix, Quantity::kCacheCreationTokens});
    rules.tokens.push_back(
        {generation + "reasoning_output_tokens" + suffix, Quantity::kReasoningTokens});
  }
}

}  // namespace

void ApplyPreset(api::Preset preset, SourceRules& rules) {
  using api::Preset;
  switch (preset) {
    case Preset::kNone:
      Plain(rules);
      break;
    case Preset::kPlain:
      Plain(rules);
      rules.cost_metrics = {"agent_cost_usd_total"};
      break;
    case Preset::kLiteLlm:
      Gateway(rules, {"litellm_spend_metric_total"}, {"team_alias"}, {"api_key_alias"}, {"model"},
              "api_provider");
      break;
    case Preset::kAgentgateway:
      Gateway(rules, {"agentgateway_gen_ai_client_cost_usd_total"}, {"agent_namespace"}, {"agent"},
              {"gen_ai_response_model", "gen_ai_request_model"}, "gen_ai_system");
      break;
    case Preset::kEnvoyAiGateway:
      Gateway(rules, {}, {"x_agent_namespace", "agent_namespace"}, {"x_agent", "agent"},
              {"gen_ai_response_model", "gen_ai_request_model", "gen_ai_original_model"},
              "gen_ai_provider_name");
      rules.tokens = {{"gen_ai_client_token_usage_sum", {}}};
      rules.type_label = "gen_ai_token_type";
      break;
    case Preset::kKong:
      Gateway(rules, {"kong_ai_llm_cost_total", "ai_llm_cost_total"}, {}, {"consumer"},
              {"ai_model"}, "ai_provider");
      rules.one_cost_metric = true;
      break;
    case Preset::kBifrost:
      Gateway(rules, {"bifrost_cost_total"}, {"agent_namespace", "team_name"},
              {"agent", "virtual_key_name"}, {"model"}, "provider");
      break;
    case Preset::kClaudeCode:
      Resource(rules);
      rules.cost_metrics = {"claude_code_cost_usage_USD_total", "claude_code_cost_usage_total",
                            "claude_code_cost_usage"};
      rules.one_cost_metric = true;
      rules.model = From({"model"});
      break;
    case Preset::kOtelGenAi:
      OtelGenAi(rules);
      break;
    case Preset::kKelos:
      // The metric's own namespace is that of the task: what Prometheus renamed is the truth.
      Gateway(rules, {"kelos_task_cost_usd_total"}, {"exported_namespace"}, {"spawner"}, {"model"},
              {});
      break;
  }
}

}  // namespace purser::usage::attribution
