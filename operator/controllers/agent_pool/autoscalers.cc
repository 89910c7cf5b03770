#include "controllers/agent_pool/autoscalers.h"

#include <simdjson.h>

#include <utility>

namespace purser::controllers {
namespace {

constexpr std::size_t kMostRemembered = 1024;

const kube::ResourceType kHorizontalPodAutoscalers{"autoscaling", "v2", "horizontalpodautoscalers",
                                                   "HorizontalPodAutoscaler"};
const kube::ResourceType kScaledObjects{"keda.sh", "v1alpha1", "scaledobjects", "ScaledObject"};

std::string Text(simdjson::simdjson_result<simdjson::dom::element> value) {
  std::string_view text;
  return value.get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

void AddBound(simdjson::dom::element spec, const char* field, std::string& bounds) {
  std::int64_t number = 0;
  if (spec[field].get(number) != simdjson::SUCCESS) return;
  bounds += (bounds.empty() ? "" : ", ") + std::string(field) + " " + std::to_string(number);
}

}  // namespace

std::optional<Autoscaler> AutoscalerOf(std::string_view item, Autoscaler::Kind what,
                                       std::string_view kind, std::string_view name) {
  simdjson::dom::parser parser;
  simdjson::dom::element object;
  simdjson::dom::element spec;
  if (parser.parse(item.data(), item.size()).get(object) != simdjson::SUCCESS ||
      object["spec"].get(spec) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  auto target = Text(spec["scaleTargetRef"]["kind"]);
  if (target.empty() && what == Autoscaler::Kind::kScaledObject) target = "Deployment";
  if (target != kind || Text(spec["scaleTargetRef"]["name"]) != name) return std::nullopt;
  Autoscaler found{what, Text(object["metadata"]["name"])};
  const auto keda = Text(object["metadata"]["labels"]["scaledobject.keda.sh/name"]);
  if (!keda.empty()) found = {Autoscaler::Kind::kScaledObject, keda};
  for (const char* field : {"minReplicas", "maxReplicas", "minReplicaCount", "maxReplicaCount"})
    AddBound(spec, field, found.bounds);
  return found;
}

std::optional<Autoscaler> Autoscalers::Of(const std::string& ns, const std::string& kind,
                                          const std::string& name) {
  const auto key = ns + "/" + kind + "/" + name;
  const auto now = clock_.Now();
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = known_.find(key); known != known_.end() && known->second.until > now)
      return known->second.autoscaler;
  }
  auto found = Ask(ns, kind, name);
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMostRemembered) known_.clear();
  known_[key] = {found, now + kRememberedFor};
  return found;
}

std::optional<Autoscaler> Autoscalers::Ask(const std::string& ns, const std::string& kind,
                                           const std::string& name) {
  std::optional<Autoscaler> found;
  using Kind = Autoscaler::Kind;
  const std::pair<const kube::ResourceType*, Kind> asked[] = {
      {&kScaledObjects, Kind::kScaledObject},
      {&kHorizontalPodAutoscalers, Kind::kHorizontalPodAutoscaler}};
  for (const auto& [type, what] : asked) {
    const auto listed = client_.List(kube::CollectionPath(*type, ns), {{"limit", "500"}},
                                     [&](std::string_view item) -> Status {
                                       if (!found) found = AutoscalerOf(item, what, kind, name);
                                       return Ok();
                                     });
    if (listed && found) break;
  }
  return found;
}

}  // namespace purser::controllers
