// An AgentPool in JSON, as an API server sends it.
#include "fuzz/resource_round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace purser;
  fuzz::CheckRoundTrip(
      fuzz::TextOf(data, size),
      [](simdjson::dom::element object, api::UnknownFields unknown) {
        return api::DecodeAgentPool(object, unknown);
      },
      [](const api::AgentPool& pool) { return api::EncodeAgentPool(pool); });
  return 0;
}
