#include "controllers/caches.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "api/codec.h"
#include "controllers/resources.h"
#include "kube/largest_page.h"
#include "workloads/kind.h"

namespace purser::controllers {
namespace {

constexpr std::chrono::seconds kMostForOptional{5};
constexpr std::chrono::milliseconds kLookEvery{500};
constexpr std::chrono::seconds kTellEvery{5};

// Workloads are read with them: they tell who last set the replicas.
enum class ManagedFields { kRead, kLeftOut };

kube::InformerOptions Telling(kube::Client& client, const std::string& what,
                              const std::function<void(const char* what)>& on_threw,
                              ManagedFields managed_fields) {
  kube::InformerOptions informer;
  informer.on_problem = [what](const Error& error) {
    spdlog::warn("watch={} {} ({}); retrying", what, error.message(), ToString(error.code()));
  };
  informer.on_threw = [what, on_threw](const Error& error) {
    spdlog::error("watch={} {}", what, error.message());
    if (on_threw) on_threw(what.c_str());
  };
  informer.reflector.largest_page = kube::AskLargestPage(client);
  informer.reflector.without_managed_fields = managed_fields == ManagedFields::kLeftOut;
  return informer;
}

kube::InformerOptions OfLimits(kube::InformerOptions options) {
  options.reflector.label_selector = kPoolLabel;
  return options;
}

// A ConfigMap and a kind of the same name meet here, which costs a look at most.
std::vector<std::string> LimitTargetIndexOf(const api::AgentPool& pool) {
  std::vector<std::string> values;
  for (const auto& target : pool.spec.limit_targets) {
    if (const auto& field = target.field) {
      values.push_back(WorkloadIndexValue(
          pool.meta.ns, workloads::KindId(field->api_version, field->kind), field->name));
    } else {
      values.push_back(WorkloadIndexValue(pool.meta.ns, "ConfigMap", target.config_map.name));
    }
  }
  // Several keys of one ConfigMap are one.
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

}  // namespace

std::vector<std::string> PoolIndexOf(const api::AgentBudget& budget) {
  const auto& pools = budget.spec.scope.pools;
  if (pools.empty() || pools.front() == "*") return {budget.meta.ns + "/*"};
  std::vector<std::string> values;
  values.reserve(pools.size());
  for (const auto& pool : pools) values.push_back(budget.meta.ns + "/" + pool);
  return values;
}

std::string WorkloadIndexValue(const std::string& ns, const std::string& kind,
                               const std::string& name) {
  return ns + "/" + kind + "/" + name;
}

std::string WorkloadIndexValue(const std::string& ns, const api::WorkloadRef& reference) {
  return WorkloadIndexValue(ns, workloads::KindId(reference.api_version, reference.kind),
                            reference.name);
}

std::vector<std::string> WorkloadIndexOf(const api::AgentPool& pool) {
  std::vector<std::string> values;
  values.reserve(pool.spec.agents.size());
  for (const auto& agent : pool.spec.agents)
    values.push_back(WorkloadIndexValue(pool.meta.ns, agent.workload_ref));
  return values;
}

std::string AgentIndexValue(const std::string& ns, const std::string& agent) {
  return ns + "/" + agent;
}

std::vector<std::string> AgentIndexOf(const api::AgentPool& pool) {
  std::vector<std::string> values;
  values.reserve(pool.spec.agents.size());
  for (const auto& agent : pool.spec.agents)
    values.push_back(AgentIndexValue(pool.meta.ns, agent.name));
  return values;
}

Caches::Caches(kube::Client& client, const std::vector<std::string>& namespaces,
               const std::function<void(const char* what)>& on_threw)
    : budgets(
          client, BudgetType(), namespaces,
          [](simdjson::dom::element object) { return api::DecodeAgentBudget(object); },
          Telling(client, "agentbudgets", on_threw, ManagedFields::kLeftOut)),
      pools(
          client, PoolType(), namespaces,
          [](simdjson::dom::element object) { return api::DecodeAgentPool(object); },
          Telling(client, "agentpools", on_threw, ManagedFields::kLeftOut)),
      kinds(client, namespaces,
            [&client, on_threw](const std::string& what) {
              return Telling(client, what, on_threw, ManagedFields::kRead);
            }),
      roster(
          kinds, [this](const auto& value) { return pools.ByIndex(kPoolsByWorkload, value); },
          [this](const auto& ns) { return pools.ByIndex(kPoolsSelecting, ns); }),
      corrections(
          client, CorrectionType(), namespaces,
          [](simdjson::dom::element object) { return api::DecodeSpendCorrection(object); },
          Telling(client, "spendcorrections", on_threw, ManagedFields::kLeftOut)),
      overrides(
          client, OverrideType(), namespaces,
          [](simdjson::dom::element object) { return api::DecodeAgentBudgetOverride(object); },
          Telling(client, "agentbudgetoverrides", on_threw, ManagedFields::kLeftOut)),
      limits_maps(client, ConfigMapType(), namespaces, &DecodeLimitsMap,
                  OfLimits(Telling(client, "configmaps", on_threw, ManagedFields::kLeftOut))) {
  overrides.AddIndex(kOverridesByBudget, [](const api::AgentBudgetOverride& one) {
    return std::vector{one.meta.ns + "/" + one.spec.budget};
  });
  budgets.AddIndex(kBudgetsByPool, PoolIndexOf);
  pools.AddIndex(kPoolsByNamespace,
                 [](const api::AgentPool& pool) { return std::vector{pool.meta.ns}; });
  pools.AddIndex(kPoolsSelecting, [](const api::AgentPool& pool) {
    return pool.spec.agent_selector ? std::vector{pool.meta.ns} : std::vector<std::string>();
  });
  pools.AddIndex(kPoolsByWorkload, WorkloadIndexOf);
  pools.AddIndex(kPoolsByAgent, AgentIndexOf);
  pools.AddIndex(kPoolsByLimitTarget, LimitTargetIndexOf);
}

void Caches::Start() {
  budgets.Start();
  pools.Start();
  kinds.Start();
  corrections.Start();
  overrides.Start();
  limits_maps.Start();
}

void Caches::Stop() {
  limits_maps.Stop();
  overrides.Stop();
  corrections.Stop();
  kinds.Stop();
  budgets.Stop();
  pools.Stop();
}

bool Caches::Synced() const {
  return budgets.HasSynced() && pools.HasSynced() && kinds.deployments()->informer.HasSynced() &&
         kinds.stateful_sets()->informer.HasSynced();
}

void Caches::WaitForSync(const std::stop_token& stop) {
  auto told = std::chrono::steady_clock::now();
  const auto wait = [&](auto& informer, const char* what) {
    while (!stop.stop_requested() && !informer.WaitForSync(kLookEvery, stop)) {
      if (std::chrono::steady_clock::now() - told < kTellEvery) continue;
      told = std::chrono::steady_clock::now();
      const auto problem = informer.Problem();
      spdlog::info("still listing {}{}", what, problem ? ": " + problem->message() : "");
    }
  };
  wait(budgets, "agentbudgets");
  wait(pools, "agentpools");
  wait(kinds.deployments()->informer, "deployments");
  wait(kinds.stateful_sets()->informer, "statefulsets");
  const auto wait_a_little = [&](auto& informer) {
    const auto until = std::chrono::steady_clock::now() + kMostForOptional;
    while (!stop.stop_requested() && !informer.WaitForSync(kLookEvery, stop) &&
           !informer.Problem() && std::chrono::steady_clock::now() < until) {
    }
  };
  // Without its overrides a budget would stop whom one of them lets run. Where the CRD is older
  // there are none to wait for.
  wait_a_little(overrides);
  // Else each pool would read its own.
  wait_a_little(limits_maps);
}

WorkloadPointer Caches::Workload(const std::string& ns, const api::WorkloadRef& reference) const {
  const auto sight = kinds.Of(reference);
  return sight.watch ? sight.watch->informer.Get({ns, reference.name}) : nullptr;
}

std::vector<kube::Informer<api::AgentBudget>::Pointer> Caches::BudgetsNaming(
    const api::AgentPool& pool) const {
  auto naming = budgets.ByIndex(kBudgetsByPool, pool.meta.ns + "/" + pool.meta.name);
  auto any = budgets.ByIndex(kBudgetsByPool, pool.meta.ns + "/*");
  naming.insert(naming.end(), any.begin(), any.end());
  return naming;
}

PoolPointer Caches::Pool(const kube::ObjectKey& key) const { return roster.With(pools.Get(key)); }

std::vector<PoolPointer> Caches::PoolsIn(const std::string& ns) const {
  auto all = pools.ByIndex(kPoolsByNamespace, ns);
  for (auto& pool : all) pool = roster.With(pool);
  return all;
}

std::vector<PoolPointer> Caches::AllPools() const {
  std::vector<PoolPointer> all;
  pools.ForEach([&](const auto& pool) { all.push_back(pool); });
  for (auto& pool : all) pool = roster.With(pool);
  return all;
}

std::vector<PoolPointer> Caches::PoolsNaming(const std::string& ns, const char* index,
                                             const std::string& value) const {
  auto naming = pools.ByIndex(index, value);
  for (auto& pool : naming) pool = roster.With(pool);
  auto finding = roster.Naming(ns, index, value);
  naming.insert(naming.end(), finding.begin(), finding.end());
  return naming;
}

std::vector<PoolPointer> Caches::PoolsOf(const workloads::Kind& kind,
                                         const workloads::Workload& workload) const {
  auto of = pools.ByIndex(kPoolsByWorkload,
                          WorkloadIndexValue(workload.meta.ns, kind.id(), workload.meta.name));
  auto finding = roster.Finding(kind, workload);
  of.insert(of.end(), finding.begin(), finding.end());
  return of;
}

std::vector<PoolPointer> Caches::OthersNaming(const api::AgentPool& pool, const char* index,
                                              const std::string& value) const {
  auto others = PoolsNaming(pool.meta.ns, index, value);
  std::erase_if(others, [&](const auto& other) {
    return other->meta.name == pool.meta.name || other->meta.deleting;
  });
  return others;
}

}  // namespace purser::controllers
