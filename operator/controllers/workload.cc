#include "controllers/workload.h"

#include <limits>

#include "api/codec.h"

namespace purser::controllers {
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

}  // namespace

Result<Workload> DecodeWorkload(simdjson::dom::element object) {
  auto meta = api::DecodeObjectMeta(object);
  if (!meta) return meta.error();
  const auto replicas = ReadCount(object, "spec", "replicas", 1);
  if (!replicas) return replicas.error().WithContext(meta->key().ToString());
  return Workload{std::move(meta).value(), *replicas};
}

}  // namespace purser::controllers
