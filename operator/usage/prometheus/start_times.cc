#include "usage/prometheus/start_times.h"

#include <set>
#include <utility>

#include "usage/prometheus/query.h"

namespace purser::usage {
namespace {

constexpr std::string_view kProcessStart = "process_start_time_seconds";
constexpr std::size_t kMostInstances = 100;
constexpr std::int64_t kNanosPerMillisecond = 1'000'000;

// OpenMetrics: the counter x_total began at x_created.
std::string CreatedOf(const std::string& metric) {
  constexpr std::string_view kTotal = "_total";
  std::string name = metric;
  if (name.ends_with(kTotal)) name.resize(name.size() - kTotal.size());
  return name + "_created";
}

std::string_view Find(std::span<const Label> labels, std::string_view name) {
  for (const auto& label : labels) {
    if (label.name == name) return label.value;
  }
  return {};
}

std::string_view Find(const Question& question, std::string_view name) {
  for (const auto& [key, value] : question.labels) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

StartTimes::StartTimes(const std::vector<std::string>& metrics,
                       const std::vector<Question>& questions) {
  std::vector<std::string> names;
  for (const auto& metric : metrics) {
    created_[CreatedOf(metric)] = metric;
    names.push_back(CreatedOf(metric));
  }
  names.emplace_back(kProcessStart);
  std::set<std::string> instances;
  for (const auto& question : questions) {
    const auto instance = Find(question, "instance");
    if (!instance.empty() && instances.size() < kMostInstances) instances.emplace(instance);
  }
  if (instances.empty()) return;
  expression_ =
      Narrowed(Narrowed("", "__name__", names), "instance", {instances.begin(), instances.end()});
}

void StartTimes::Take(std::span<const Label> labels, std::int64_t nanos) {
  const Timestamp start{Duration(nanos / kNanosPerMillisecond)};
  const auto name = Find(labels, "__name__");
  if (name == kProcessStart) {
    targets_[{std::string(Find(labels, "job")), std::string(Find(labels, "instance"))}] = start;
    return;
  }
  const auto created = created_.find(std::string(name));
  if (created == created_.end()) return;
  Labels known;
  for (const auto& label : labels) known.emplace(label.name, label.value);
  known["__name__"] = created->second;
  series_[std::move(known)] = start;
}

std::optional<Timestamp> StartTimes::Of(const Question& question) const {
  const Labels labels(question.labels.begin(), question.labels.end());
  if (const auto found = series_.find(labels); found != series_.end()) return found->second;
  const auto target =
      targets_.find({std::string(Find(question, "job")), std::string(Find(question, "instance"))});
  if (target == targets_.end()) return std::nullopt;
  return target->second;
}

}  // namespace purser::usage
