#include "kube/discovery.h"

#include <nlohmann/json.hpp>

namespace purser::kube {
namespace {

using Json = nlohmann::json;

std::string Text(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// ".spec.replicas" -> "/spec/replicas".
std::string PointerOf(std::string path) {
  for (auto& c : path) {
    if (c == '.') c = '/';
  }
  return path;
}

const Json& Below(const Json& object, const char* name) {
  static const Json nothing = Json::object();
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : nothing;
}

}  // namespace

Result<std::optional<ServedKind>> Discover(Client& client, const std::string& api_version,
                                           const std::string& kind) {
  const auto slash = api_version.find('/');
  const std::string root = slash == std::string::npos ? "/api/" : "/apis/";
  const auto answer = client.Get(root + api_version);
  if (!answer) {
    if (answer.error().code() == ErrorCode::kNotFound) return std::optional<ServedKind>();
    return answer.error().WithContext(api_version);
  }
  const auto document = Json::parse(*answer, nullptr, false);
  if (!document.is_object() || !document.contains("resources") || !document["resources"].is_array())
    return Error(ErrorCode::kCorrupt, api_version + ": the answer is no list of resources");
  std::optional<ServedKind> served;
  for (const auto& resource : document["resources"]) {
    if (!resource.is_object()) continue;
    const auto name = Text(resource, "name");
    if (Text(resource, "kind") != kind || name.find('/') != std::string::npos) continue;
    served.emplace();
    served->type.group = slash == std::string::npos ? "" : api_version.substr(0, slash);
    served->type.version = slash == std::string::npos ? api_version : api_version.substr(slash + 1);
    served->type.plural = name;
    served->type.kind = kind;
    const auto namespaced = resource.find("namespaced");
    served->type.namespaced =
        namespaced == resource.end() || !namespaced->is_boolean() || namespaced->get<bool>();
    break;
  }
  if (!served) return served;
  for (const auto& resource : document["resources"]) {
    if (resource.is_object() && Text(resource, "name") == served->type.plural + "/scale")
      served->on_scale = true;
  }
  return served;
}

Result<std::optional<CustomScale>> ReadCustomScale(Client& client, const ResourceType& type) {
  static const ResourceType definitions{"apiextensions.k8s.io", "v1", "customresourcedefinitions",
                                        "CustomResourceDefinition", false};
  const std::string name = type.plural + "." + type.group;
  const auto answer = client.Get(ObjectPath(definitions, {"", name}));
  if (!answer) {
    if (answer.error().code() == ErrorCode::kNotFound) return std::optional<CustomScale>();
    return answer.error().WithContext("CustomResourceDefinition " + name);
  }
  const auto document = Json::parse(*answer, nullptr, false);
  if (!document.is_object())
    return Error(ErrorCode::kCorrupt, "CustomResourceDefinition " + name + " is not JSON");
  const auto& spec = Below(document, "spec");
  const auto versions = spec.find("versions");
  if (versions == spec.end() || !versions->is_array()) return std::optional<CustomScale>();
  for (const auto& version : *versions) {
    if (!version.is_object() || Text(version, "name") != type.version) continue;
    const auto& scale = Below(Below(version, "subresources"), "scale");
    CustomScale paths{PointerOf(Text(scale, "specReplicasPath")),
                      PointerOf(Text(scale, "statusReplicasPath")),
                      PointerOf(Text(scale, "labelSelectorPath"))};
    if (!paths.replicas.empty()) return std::optional(std::move(paths));
  }
  return std::optional<CustomScale>();
}

}  // namespace purser::kube
