#include "backtest/manifests.h"

#include <simdjson.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "api/codec.h"
#include "api/yaml_document.h"

namespace purser::backtest {
namespace {

Error Wrong(std::string_view file, const api::YamlPlace& place, const std::string& what) {
  return Error(ErrorCode::kInvalidArgument,
               std::string(file) + ":" + std::to_string(place.line) + ": " + what);
}

template <typename Object>
Status Keep(Result<Object> object, std::string_view file, const api::YamlPlace& place,
            const std::function<void(Object)>& keep) {
  if (!object) return Wrong(file, place, object.error().message());
  if (object->invalid) return Wrong(file, place, *object->invalid);
  if (object->meta.ns.empty()) object->meta.ns = "default";
  keep(std::move(*object));
  return Ok();
}

}  // namespace

Status AddManifests(std::string_view yaml, std::string_view file, Manifests& manifests) {
  const auto text = api::ParseYaml(yaml);
  if (!text.errors.empty())
    return Wrong(file, text.errors.front().place, text.errors.front().message);
  for (const auto& document : text.documents) {
    api::YamlPlace where = document.place;
    const auto in_json = api::ToJson(document, where);
    if (!in_json) return Wrong(file, where, in_json.error().message());
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    if (parser.parse(*in_json).get(root) != simdjson::SUCCESS)
      return Wrong(file, document.place, "want an object with apiVersion and kind");
    const auto* kind = document.Find("kind");
    const auto name = kind == nullptr ? std::string() : kind->text;
    if (name == "AgentBudget") {
      PURSER_RETURN_IF_ERROR(Keep<api::AgentBudget>(
          api::DecodeAgentBudget(root, api::UnknownFields::kReject), file, document.place,
          [&](api::AgentBudget budget) { manifests.budgets.push_back(std::move(budget)); }));
    } else if (name == "AgentPool") {
      PURSER_RETURN_IF_ERROR(Keep<api::AgentPool>(
          api::DecodeAgentPool(root, api::UnknownFields::kReject), file, document.place,
          [&](api::AgentPool pool) {
            manifests.pools.push_back(std::make_shared<const api::AgentPool>(std::move(pool)));
          }));
    } else {
      return Wrong(file, document.place, "kind: want AgentBudget or AgentPool");
    }
  }
  return Ok();
}

}  // namespace purser::backtest
