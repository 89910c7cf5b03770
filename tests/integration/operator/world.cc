#include "integration/operator/world.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <iostream>
#include <thread>

#include "support/http_exchange.h"

namespace purser::integration {
namespace {

support::Cluster& ClusterWithResources() {
  static const bool applied = [] {
    const auto result = support::SharedCluster().Kubectl(
        {"apply", "--server-side", "-f", PURSER_SOURCE_DIR "/crds"});
    if (result.code != 0) throw std::runtime_error("crds cannot be applied: " + result.err);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (support::SharedCluster().Kubectl({"get", "agentpools,agentbudgets"}).code != 0) {
      if (std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error("crds are not established");
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return true;
  }();
  static_cast<void>(applied);
  return support::SharedCluster();
}

std::string Workload(const std::string& kind, const std::string& name, int replicas) {
  return "apiVersion: apps/v1\nkind: " + kind + "\nmetadata: {name: " + name +
         "}\nspec:\n  replicas: " + std::to_string(replicas) +
         (kind == "StatefulSet" ? "\n  serviceName: " + name : "") +
         "\n  selector: {matchLabels: {app: " + name +
         "}}\n  template:\n    metadata: {labels: {app: " + name +
         "}}\n    spec: {containers: [{name: agent, image: example/agent}]}\n";
}

}  // namespace

World::World(const std::string& name) : cluster_(ClusterWithResources()), ns_(name) {
  const auto made = cluster_.Kubectl({"create", "namespace", ns_});
  if (made.code != 0) throw std::runtime_error("namespace " + ns_ + ": " + made.err);
  std::string pattern = std::filesystem::temp_directory_path() / "purser-test-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = pattern;
}

World::~World() { std::filesystem::remove_all(folder_); }

api::OperatorConfig World::Config(const std::string& prometheus_url,
                                  std::chrono::milliseconds interval) const {
  api::OperatorConfig config;
  config.server.metrics_address = "127.0.0.1:0";
  config.leader_election.enabled = false;
  config.watch_namespaces = {ns_};
  config.store.path = folder_ + "/ledger.db";
  api::SourceConfig source;
  source.name = "default";
  source.prometheus.url = prometheus_url;
  source.prometheus.metric = "agent_cost_usd_total";
  source.prometheus.scrape_interval = interval;
  source.prometheus.backfill = std::chrono::hours(1);
  config.sources.push_back(std::move(source));
  return config;
}

support::ProgramResult World::TryApply(const std::string& yaml) const {
  return cluster_.Kubectl({"apply", "-n", ns_, "-f", "-"}, yaml);
}

void World::Apply(const std::string& yaml) const {
  const auto result = TryApply(yaml);
  ASSERT_EQ(result.code, 0) << result.err << "\n" << yaml;
}

support::ProgramResult World::Kubectl(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"-n", ns_});
  return cluster_.Kubectl(std::move(arguments));
}

nlohmann::json World::Get(const std::string& kind, const std::string& name) const {
  const auto result = Kubectl({"get", kind, name, "-o", "json"});
  if (result.code != 0) return nlohmann::json::object();
  return nlohmann::json::parse(result.out);
}

nlohmann::json World::StatusOf(const std::string& kind, const std::string& name) const {
  return Get(kind, name).value("status", nlohmann::json::object());
}

void World::Deployment(const std::string& name, int replicas) const {
  Apply(Workload("Deployment", name, replicas));
}
void World::StatefulSet(const std::string& name, int replicas) const {
  Apply(Workload("StatefulSet", name, replicas));
}

void World::Pool(const std::string& name, const std::vector<std::string>& agents, int maximum,
                 const std::string& extra) const {
  std::string yaml = "apiVersion: purser.dev/v1alpha1\nkind: AgentPool\nmetadata: {name: " + name +
                     "}\nspec:\n  maxConcurrency: " + std::to_string(maximum) + "\n  agents:\n";
  for (const auto& agent : agents) {
    yaml += "  - {name: " + agent + ", workloadRef: {kind: Deployment, name: " + agent + "}}\n";
  }
  Apply(yaml + extra);
}

void World::Budget(const std::string& name, const std::string& spec,
                   const std::string& scope) const {
  Apply("apiVersion: purser.dev/v1alpha1\nkind: AgentBudget\nmetadata: {name: " + name +
        "}\nspec: {" + spec + ", scope: " + scope + "}\n");
}

int World::Replicas(const std::string& name, const std::string& kind) const {
  const auto object = Get(kind, name);
  return object.contains("spec") ? object["spec"].value("replicas", -1) : -1;
}

nlohmann::json World::Condition(const std::string& kind, const std::string& name,
                                const std::string& type) const {
  const auto object = Get(kind, name);
  if (object.contains("status") && object["status"].contains("conditions")) {
    for (const auto& condition : object["status"]["conditions"]) {
      if (condition["type"] == type) return condition;
    }
  }
  return nlohmann::json::object();
}

std::string World::ConditionOf(const std::string& kind, const std::string& name,
                               const std::string& type) const {
  const auto condition = Condition(kind, name, type);
  if (condition.empty()) return "";
  return condition["status"].get<std::string>() + "/" + condition["reason"].get<std::string>();
}

std::string World::MessageOf(const std::string& kind, const std::string& name,
                             const std::string& type) const {
  return Condition(kind, name, type).value("message", "");
}

std::string World::Spent(const std::string& budget) const {
  return StatusOf("agentbudget", budget).value("spent", "");
}

double World::MetricOf(std::uint16_t port, const std::string& series) {
  const auto page = support::HttpExchange(port, "GET /metrics HTTP/1.0\r\n\r\n");
  const auto at = page.find("\n" + series + " ");
  return at == std::string::npos ? -1 : std::stod(page.substr(at + series.size() + 2));
}

bool World::Eventually(const std::string& what, const std::function<bool()>& check,
                       std::chrono::milliseconds within) const {
  const auto deadline = std::chrono::steady_clock::now() + within;
  while (std::chrono::steady_clock::now() < deadline) {
    if (check()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ADD_FAILURE()
      << "not in time: " << what << "\n"
      << Kubectl({"get", "agentbudgets,agentpools,deployments,statefulsets", "-o", "wide"}).out
      << Kubectl({"get", "agentbudgets,agentpools", "-o", "yaml"}).out
      << Kubectl({"get", "events"}).out << cluster_.LogTails(10);
  return false;
}

}  // namespace purser::integration
