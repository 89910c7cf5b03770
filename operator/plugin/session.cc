#include "plugin/session.h"

#include <algorithm>
#include <utility>

#include "api/text_form.h"
#include "plugin/field.h"

namespace purser::plugin {
namespace {

using nlohmann::json;

constexpr const char* kPageSize = "500";

kube::ResourceType TypeOf(const char* plural, const char* kind) {
  return {"purser.dev", "v1alpha1", plural, kind, true};
}

Result<json> Parsed(Result<std::string> body, const std::string& what) {
  if (!body) return body.error().WithContext(what);
  auto document = json::parse(*body, nullptr, false);
  if (!document.is_object()) {
    return Error(ErrorCode::kCorrupt, what + ": the API server's answer is not a JSON object");
  }
  return document;
}

}  // namespace

const kube::ResourceType& Budgets() {
  static const auto type = TypeOf("agentbudgets", "AgentBudget");
  return type;
}
const kube::ResourceType& Pools() {
  static const auto type = TypeOf("agentpools", "AgentPool");
  return type;
}
const kube::ResourceType& Overrides() {
  static const auto type = TypeOf("agentbudgetoverrides", "AgentBudgetOverride");
  return type;
}
const kube::ResourceType& Corrections() {
  static const auto type = TypeOf("spendcorrections", "SpendCorrection");
  return type;
}

Session::Session(kube::Client& client, std::string ns) : client_(client), ns_(std::move(ns)) {}

Result<json> Session::List(const kube::ResourceType& type) {
  auto items = json::array();
  std::string next;
  do {
    kube::Query query{{"limit", kPageSize}};
    if (!next.empty()) query.emplace_back("continue", next);
    const auto listed =
        client_.List(kube::CollectionPath(type, ns_), query, [&](std::string_view item) -> Status {
          auto object = json::parse(item, nullptr, false);
          if (object.is_object()) items.push_back(std::move(object));
          return Ok();
        });
    if (!listed) {
      if (listed.error().code() == ErrorCode::kNotFound) {
        return Error(ErrorCode::kNotFound,
                     "this cluster knows no " + type.plural + "." + type.group +
                         ": install Purser first (helm install purser charts/purser)");
      }
      return listed.error().WithContext(type.plural);
    }
    const auto rest = json::parse(*listed, nullptr, false);
    next = TextAt(rest, {"metadata", "continue"});
  } while (!next.empty());
  std::stable_sort(items.begin(), items.end(), [](const json& a, const json& b) {
    return std::pair(NamespaceOf(a), NameOf(a)) < std::pair(NamespaceOf(b), NameOf(b));
  });
  return items;
}

Result<json> Session::Get(const kube::ResourceType& type, const std::string& name) {
  const auto what = type.kind + " " + ns_ + "/" + api::Visible(name);
  return Parsed(client_.Get(kube::ObjectPath(type, {ns_, name})), what);
}

Result<json> Session::Create(const kube::ResourceType& type, const json& object) {
  return Parsed(client_.Create(kube::CollectionPath(type, ns_), object.dump()),
                "a new " + type.kind + " in namespace " + ns_);
}

Result<json> Session::Patch(const kube::ResourceType& type, const std::string& name,
                            const json& patch, std::string_view subresource) {
  const auto what = type.kind + " " + ns_ + "/" + api::Visible(name);
  return Parsed(client_.MergePatch(kube::ObjectPath(type, {ns_, name}, subresource), patch.dump(),
                                   {{"fieldManager", kManager}}),
                what);
}

Result<std::string> Session::UserName() {
  const kube::ResourceType type{"authentication.k8s.io", "v1", "selfsubjectreviews",
                                "SelfSubjectReview", false};
  const json review{{"apiVersion", type.ApiVersion()}, {"kind", type.kind}};
  const auto answer =
      Parsed(client_.Create(kube::CollectionPath(type, ""), review.dump()), "asking who you are");
  if (!answer) return answer.error();
  auto name = TextAt(*answer, {"status", "userInfo", "username"});
  if (name.empty()) {
    return Error(ErrorCode::kCorrupt, "the API server does not tell who you are");
  }
  return name;
}

}  // namespace purser::plugin
