#include "controllers/agent_pool/stopped_by.h"

#include <simdjson.h>

#include "base/utf8.h"

namespace purser::controllers {
namespace {

constexpr std::size_t kLongestName = 200;

std::string ManagerOfStop(simdjson::dom::element pool) {
  simdjson::dom::array entries;
  if (pool["metadata"]["managedFields"].get(entries) != simdjson::SUCCESS) return "";
  std::string_view manager;
  for (const auto entry : entries) {
    simdjson::dom::element owned;
    std::string_view name;
    if (entry["fieldsV1"]["f:spec"]["f:stop"].get(owned) != simdjson::SUCCESS) continue;
    if (entry["manager"].get(name) == simdjson::SUCCESS) manager = name;
  }
  return std::string(CutUtf8(manager, kLongestName));
}

}  // namespace

Result<std::string> WhoStopped(std::string_view pool) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(pool.data(), pool.size()).get(root) != simdjson::SUCCESS)
    return Error(ErrorCode::kCorrupt, "the AgentPool is no JSON");
  const auto manager = ManagerOfStop(root);
  std::string_view named;
  if (root["metadata"]["annotations"][kStoppedByAnnotation].get(named) != simdjson::SUCCESS ||
      named.empty()) {
    return manager;
  }
  std::string who(CutUtf8(named, kLongestName));
  return manager.empty() ? who : who + " (with " + manager + ")";
}

}  // namespace purser::controllers
