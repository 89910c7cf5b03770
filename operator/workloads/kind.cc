#include "workloads/kind.h"

#include <vector>

#include "base/utf8.h"
#include "workloads/pointer.h"

namespace purser::workloads {
namespace {

constexpr std::size_t kLongestManager = 128;  // of the API server

std::string_view GroupOf(std::string_view api_version) {
  const auto slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
}

bool ComesWithKubernetes(std::string_view group) {
  return group.empty() || group == "apps" || group == "batch";
}

}  // namespace

Kind::Kind(kube::ResourceType type, Toggle toggle, bool on_scale)
    : type_(std::move(type)),
      id_(KindId(type_.ApiVersion(), type_.kind)),
      toggle_(std::move(toggle)),
      on_scale_(on_scale) {}

bool Kind::built_in() const { return ComesWithKubernetes(type_.group); }

std::string KindId(std::string_view api_version, std::string_view kind) {
  const auto group = GroupOf(api_version);
  std::string id(kind);
  if (!ComesWithKubernetes(group)) id += "." + std::string(group);
  return id;
}

void ReadManagers(simdjson::dom::element object, std::string_view pointer, Workload& workload) {
  simdjson::dom::array entries;
  if (object["metadata"]["managedFields"].get(entries) != simdjson::SUCCESS) return;
  auto owned = Segments(pointer);
  for (auto& segment : owned) segment.insert(0, "f:");
  std::string_view manager;
  for (const auto entry : entries) {
    simdjson::dom::element fields;
    std::string_view name;
    if (entry["fieldsV1"].get(fields) != simdjson::SUCCESS || !At(fields, owned)) continue;
    // Where several agree on the value, whoever is not us is of interest.
    if (entry["manager"].get(name) != simdjson::SUCCESS) continue;
    if (name == kube::kFieldManager) workload.owns_replicas = true;
    if (manager.empty() || name != kube::kFieldManager) manager = name;
  }
  workload.replicas_manager = CutUtf8(manager, kLongestManager);
}

void ReadLabels(simdjson::dom::element object, Workload& workload) {
  simdjson::dom::object labels;
  if (object["metadata"]["labels"].get(labels) != simdjson::SUCCESS) return;
  std::string all;
  for (const auto [name, value] : labels) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) continue;
    for (const auto part : {std::string_view(name), text}) {
      // The API server lets none of them hold a NUL.
      all += part.substr(0, part.find('\0'));
      all += '\0';
    }
  }
  all.shrink_to_fit();
  workload.labels = std::move(all);
}

std::optional<std::string_view> LabelOf(const Workload& workload, std::string_view name) {
  std::string_view left = workload.labels;
  const auto next = [&left] {
    const auto part = left.substr(0, left.find('\0'));
    left.remove_prefix(part.size() + 1);
    return part;
  };
  while (!left.empty()) {
    const auto key = next();
    const auto value = next();
    if (key == name) return value;
  }
  return std::nullopt;
}

void ReadOrigin(simdjson::dom::element object, Details& details) {
  simdjson::dom::array owners;
  if (object["metadata"]["ownerReferences"].get(owners) != simdjson::SUCCESS) return;
  for (const auto owner : owners) {
    bool controls = false;
    std::string_view uid;
    if (owner["controller"].get(controls) == simdjson::SUCCESS && controls &&
        owner["uid"].get(uid) == simdjson::SUCCESS)
      details.owner_uid = uid;
  }
}

}  // namespace purser::workloads
