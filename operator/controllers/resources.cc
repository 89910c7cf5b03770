#include "controllers/resources.h"

#include "api/codec.h"

namespace purser::controllers {
namespace {

constexpr const char* kGroup = "purser.dev";
constexpr const char* kVersion = "v1alpha1";

template <typename Object, typename StatusType>
std::string Document(const kube::ResourceType& type, const Object& object,
                     const StatusType& status) {
  // Names are validated DNS labels and the status is already JSON: nothing here needs escaping.
  return R"({"apiVersion":")" + type.group + "/" + type.version + R"(","kind":")" + type.kind +
         R"(","metadata":{"name":")" + object.meta.name + R"(","namespace":")" + object.meta.ns +
         R"("},"status":)" + api::EncodeStatus(status) + "}";
}

}  // namespace

const kube::ResourceType& PoolType() {
  static const kube::ResourceType type{kGroup, kVersion, "agentpools", "AgentPool"};
  return type;
}
const kube::ResourceType& BudgetType() {
  static const kube::ResourceType type{kGroup, kVersion, "agentbudgets", "AgentBudget"};
  return type;
}
const kube::ResourceType& CorrectionType() {
  static const kube::ResourceType type{kGroup, kVersion, "spendcorrections", "SpendCorrection"};
  return type;
}
const kube::ResourceType& OverrideType() {
  static const kube::ResourceType type{kGroup, kVersion, "agentbudgetoverrides",
                                       "AgentBudgetOverride"};
  return type;
}
const kube::ResourceType& ConfigMapType() {
  static const kube::ResourceType type{"", "v1", "configmaps", "ConfigMap"};
  return type;
}

kube::ObjectReference ReferenceTo(const kube::ResourceType& type, const kube::ObjectMeta& meta) {
  kube::ObjectReference reference;
  reference.api_version = type.group.empty() ? type.version : type.group + "/" + type.version;
  reference.kind = type.kind;
  reference.ns = meta.ns;
  reference.name = meta.name;
  reference.uid = meta.uid;
  return reference;
}

kube::ObjectReference ReferenceTo(const api::AgentBudget& budget) {
  return ReferenceTo(BudgetType(), budget.meta);
}
kube::ObjectReference ReferenceTo(const api::AgentPool& pool) {
  return ReferenceTo(PoolType(), pool.meta);
}

std::string StatusDocument(const api::AgentBudget& budget, const api::AgentBudgetStatus& status) {
  return Document(BudgetType(), budget, status);
}
std::string StatusDocument(const api::AgentPool& pool, const api::AgentPoolStatus& status) {
  return Document(PoolType(), pool, status);
}

}  // namespace purser::controllers
