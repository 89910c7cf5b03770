#include "controllers/agent_pool/pods.h"

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kube/discovery.h"

namespace purser::controllers {
namespace {

using Json = nlohmann::json;

constexpr int kDeepestOwner = 5;
constexpr const char* kPage = "500";

struct Owner {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string uid;
};

std::string Text(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<Owner> OwnersOf(const Json& object) {
  std::vector<Owner> owners;
  if (!object.is_object() || !object.contains("metadata")) return owners;
  const auto& metadata = object["metadata"];
  if (!metadata.is_object() || !metadata.contains("ownerReferences") ||
      !metadata["ownerReferences"].is_array())
    return owners;
  for (const auto& owner : metadata["ownerReferences"]) {
    if (!owner.is_object()) continue;
    owners.push_back(
        {Text(owner, "apiVersion"), Text(owner, "kind"), Text(owner, "name"), Text(owner, "uid")});
  }
  return owners;
}

struct Pod {
  std::string uid;
  std::vector<Owner> owners;
};

Result<std::vector<Pod>> LivePods(kube::Client& client, const std::string& ns,
                                  const std::string& selector) {
  static const kube::ResourceType type{"", "v1", "pods", "Pod"};
  std::vector<Pod> pods;
  std::string next;
  do {
    kube::Query query{{"limit", kPage}};
    if (!selector.empty()) query.emplace_back("labelSelector", selector);
    if (!next.empty()) query.emplace_back("continue", next);
    const auto listed = client.List(
        kube::CollectionPath(type, ns), query, [&pods](std::string_view item) -> Status {
          const auto pod = Json::parse(item, nullptr, false);
          if (!pod.is_object()) return Error(ErrorCode::kCorrupt, "a pod is not JSON");
          const auto phase = Text(pod.value("status", Json::object()), "phase");
          if (phase != "Succeeded" && phase != "Failed")
            pods.push_back({Text(pod.value("metadata", Json::object()), "uid"), OwnersOf(pod)});
          return Ok();
        });
    if (!listed) return listed.error();
    const auto list = Json::parse(*listed, nullptr, false);
    next = list.is_object() ? Text(list.value("metadata", Json::object()), "continue") : "";
  } while (!next.empty());
  return pods;
}

// Follows owners up to the workload. What is on the way is read once.
class Descent {
 public:
  Descent(kube::Client& client, std::string ns, const std::string& root,
          const std::vector<Pod>& pods)
      : client_(client), ns_(std::move(ns)) {
    known_[root] = true;
    for (const auto& pod : pods) pods_[pod.uid] = &pod.owners;
  }

  Result<bool> Belongs(const std::vector<Owner>& owners, int depth = 0) {
    for (const auto& owner : owners) {
      const auto belongs = Belongs(owner, depth);
      if (!belongs || *belongs) return belongs;
    }
    return false;
  }

 private:
  Result<bool> Belongs(const Owner& owner, int depth) {
    if (const auto known = known_.find(owner.uid); known != known_.end()) return known->second;
    if (depth == kDeepestOwner) return false;
    known_[owner.uid] = false;  // should owners go round in a circle
    std::vector<Owner> above;
    if (const auto pod = pods_.find(owner.uid); pod != pods_.end()) {
      above = *pod->second;
    } else {
      auto read = Read(owner);
      if (!read) {
        // Who owns it may not be ours to read; it is of no kind that the workload makes, or the
        // pods are told through what we may read.
        if (read.error().code() == ErrorCode::kPermissionDenied ||
            read.error().code() == ErrorCode::kNotFound)
          return false;
        return read.error();
      }
      above = std::move(*read);
    }
    const auto belongs = Belongs(above, depth + 1);
    if (belongs) known_[owner.uid] = *belongs;
    return belongs;
  }

  Result<std::vector<Owner>> Read(const Owner& owner) {
    const auto type_name = std::pair(owner.api_version, owner.kind);
    auto type = types_.find(type_name);
    if (type == types_.end()) {
      const auto served = kube::Discover(client_, owner.api_version, owner.kind);
      if (!served) return served.error();
      type =
          types_.emplace(type_name, *served ? std::optional((*served)->type) : std::nullopt).first;
    }
    if (!type->second || !type->second->namespaced) return std::vector<Owner>();
    const auto answer = client_.Get(kube::ObjectPath(*type->second, {ns_, owner.name}));
    if (!answer) return answer.error();
    return OwnersOf(Json::parse(*answer, nullptr, false));
  }

  kube::Client& client_;
  const std::string ns_;
  std::map<std::string, bool> known_;  // whether what has this uid belongs to the workload
  std::map<std::string, const std::vector<Owner>*> pods_;
  std::map<std::pair<std::string, std::string>, std::optional<kube::ResourceType>> types_;
};

}  // namespace

Result<std::int64_t> CountPods(kube::Client& client, const workloads::Workload& workload) {
  const std::string selector = workload.details ? workload.details->pods : "";
  const auto pods = LivePods(client, workload.meta.ns, selector);
  if (!pods) return pods.error().WithContext("pods of " + workload.meta.key().ToString());
  if (!selector.empty()) return static_cast<std::int64_t>(pods->size());
  Descent descent(client, workload.meta.ns, workload.meta.uid, *pods);
  std::int64_t count = 0;
  for (const auto& pod : *pods) {
    const auto belongs = descent.Belongs(pod.owners);
    if (!belongs) return belongs.error();
    if (*belongs) ++count;
  }
  return count;
}

}  // namespace purser::controllers
