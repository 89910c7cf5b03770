#include "usage/attribution/target_table.h"

#include <algorithm>
#include <array>

#include "usage/attribution/attribution.h"

namespace purser::usage::attribution {
namespace {

// With honor_labels the collector's job and instance are the program's own; without, Prometheus
// keeps them as exported_.
constexpr std::array<std::string_view, 4> kTarget = {"job", "instance", "exported_job",
                                                     "exported_instance"};

std::string TargetOf(std::span<const Label> labels) {
  std::string target;
  for (const auto name : kTarget) target.append(LabelValue(labels, name)).push_back('\0');
  return target;
}

}  // namespace

void TargetTable::Add(std::span<const Label> target_info) {
  auto& values = targets_[TargetOf(target_info)];
  const bool first = values.empty();
  for (auto& [name, value] : values) {
    if (LabelValue(target_info, name) != value) value.clear();
  }
  for (const auto& label : target_info) {
    if (label.name == "__name__") continue;
    values.try_emplace(std::string(label.name), first ? label.value : std::string_view());
  }
}

std::string_view TargetTable::Find(std::span<const Label> series, std::string_view label) const {
  if (targets_.empty()) return {};
  const auto target = targets_.find(TargetOf(series));
  if (target == targets_.end()) return {};
  const auto value = target->second.find(label);
  return value == target->second.end() ? std::string_view() : value->second;
}

}  // namespace purser::usage::attribution
