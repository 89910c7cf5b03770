#include "controllers/limits_map.h"

#include <utility>

#include "api/codec.h"

namespace purser::controllers {

namespace {
constexpr std::size_t kLongestLabel = 63;
}

std::string PoolLabelOf(const std::string& pool) {
  std::string label = pool.substr(0, kLongestLabel);
  while (!label.empty() && (label.back() == '-' || label.back() == '.')) label.pop_back();
  return label;
}

Result<LimitsMap> DecodeLimitsMap(simdjson::dom::element object) {
  auto meta = api::DecodeObjectMeta(object);
  if (!meta) return meta.error();
  LimitsMap map{std::move(meta).value(), {}};
  simdjson::dom::object data;
  if (object["data"].get(data) != simdjson::SUCCESS) return map;
  for (const auto [key, value] : data) {
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) map.keys[std::string(key)] = ReadLimits(text);
  }
  return map;
}

}  // namespace purser::controllers
