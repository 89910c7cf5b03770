#include "workloads/workload.h"

#include <limits>
#include <string_view>

#include "api/codec.h"
#include "base/utf8.h"
#include "kube/client.h"

namespace purser::workloads {
namespace {

Result<std::int32_t> ReadCount(simdjson::dom::element object, const char* section,
                               const char* field, std::int32_t otherwise) {
  const auto value = object[section][field];
  if (value.error() == simdjson::NO_SUCH_FIELD || value.is_null()) return otherwise;
  std::int64_t number = 0;
  if (value.get(number) != simdjson::SUCCESS || number < 0 ||
      number > std::numeric_limits<std::int32_t>::max()) {
    return Error(ErrorCode::kInvalidArgument,
                 std::string(section) + "." + field + " is not a count of replicas");
  }
  return static_cast<std::int32_t>(number);
}

constexpr std::size_t kLongestManager = 128;  // of the API server

// What others write into a status is taken as far as it makes sense.
std::int32_t StatusCount(simdjson::dom::element object, const char* field) {
  const auto count = ReadCount(object, "status", field, 0);
  return count ? *count : 0;
}

void ReadManagers(simdjson::dom::element object, Workload& workload) {
  simdjson::dom::array entries;
  if (object["metadata"]["managedFields"].get(entries) != simdjson::SUCCESS) return;
  std::string_view manager;
  for (const auto entry : entries) {
    simdjson::dom::element owned;
    std::string_view name;
    if (entry["fieldsV1"]["f:spec"]["f:replicas"].get(owned) != simdjson::SUCCESS) continue;
    // Where several agree on the value, whoever is not us is of interest.
    if (entry["manager"].get(name) != simdjson::SUCCESS) continue;
    if (name == kube::kFieldManager) workload.owns_replicas = true;
    if (manager.empty() || name != kube::kFieldManager) manager = name;
  }
  workload.replicas_manager = CutUtf8(manager, kLongestManager);
}

}  // namespace

Result<Workload> DecodeWorkload(simdjson::dom::element object) {
  auto meta = api::DecodeObjectMeta(object);
  if (!meta) return meta.error();
  const auto replicas = ReadCount(object, "spec", "replicas", 1);
  if (!replicas) return replicas.error().WithContext(meta->key().ToString());
  Workload workload{std::move(meta).value(), *replicas};
  ReadManagers(object, workload);
  workload.status_replicas = StatusCount(object, "replicas");
  workload.terminating_replicas = StatusCount(object, "terminatingReplicas");
  std::int64_t observed = 0;
  if (object["status"]["observedGeneration"].get(observed) == simdjson::SUCCESS)
    workload.observed_generation = observed;
  return workload;
}

}  // namespace purser::workloads
