// A real API server, a real Prometheus and the operator, with the few words the tests need.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/config.h"
#include "support/clocks.h"
#include "support/cluster.h"
#include "support/running_operator.h"

namespace purser::integration {

// The API server shared by the tests of this binary; each test has a namespace of its own.
class World {
 public:
  // Makes a fresh namespace and a folder for the ledger.
  explicit World(const std::string& name);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  const std::string& ns() const { return ns_; }
  const std::string& folder() const { return folder_; }
  const support::Cluster& cluster() const { return cluster_; }

  // A configuration with one source "default" that reads `prometheus_url` every `interval`.
  api::OperatorConfig Config(const std::string& prometheus_url,
                             std::chrono::milliseconds interval = std::chrono::seconds(1)) const;

  // kubectl apply -n ns; fails the test when refused.
  void Apply(const std::string& yaml) const;
  support::ProgramResult TryApply(const std::string& yaml) const;
  support::ProgramResult Kubectl(std::vector<std::string> arguments) const;
  nlohmann::json Get(const std::string& kind, const std::string& name) const;  // {} when not there

  nlohmann::json StatusOf(const std::string& kind,
                          const std::string& name) const;  // {} when not there

  void Deployment(const std::string& name, int replicas) const;
  void StatefulSet(const std::string& name, int replicas) const;
  // A pool with the given agents, each of a Deployment of its own name. `extra`: further lines of
  // spec.
  void Pool(const std::string& name, const std::vector<std::string>& agents, int maximum = 20,
            const std::string& extra = "") const;
  // `spec`: flow-style YAML of the spec besides scope.
  void Budget(const std::string& name, const std::string& spec, const std::string& scope) const;

  int Replicas(const std::string& name,
               const std::string& kind = "deployment") const;  // -1: not there
  // Status of a condition: "True/Reason", or "" when it is absent.
  std::string ConditionOf(const std::string& kind, const std::string& name,
                          const std::string& type) const;

  std::string MessageOf(const std::string& kind, const std::string& name,
                        const std::string& type) const;  // "" when the condition is absent
  // As in its status, which tells less than 1 % of the limit a minute late; "" when not there.
  std::string Spent(const std::string& budget) const;
  // The value of a series on the operator's /metrics, written as there; -1: not there.
  static double MetricOf(std::uint16_t port, const std::string& series);

  // Polls until `check` holds; fails the test with the objects and logs otherwise.
  bool Eventually(const std::string& what, const std::function<bool()>& check,
                  std::chrono::milliseconds within = std::chrono::seconds(20)) const;

 private:
  nlohmann::json Condition(const std::string& kind, const std::string& name,
                           const std::string& type) const;

  support::Cluster& cluster_;
  std::string ns_;
  std::string folder_;
};

}  // namespace purser::integration
