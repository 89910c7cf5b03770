// An AgentBudget in JSON, as an API server sends it.
#include "fuzz/resource_round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace purser;
  fuzz::CheckRoundTrip(
      fuzz::TextOf(data, size),
      [](simdjson::dom::element object, api::UnknownFields unknown) {
        return api::DecodeAgentBudget(object, unknown);
      },
      [](const api::AgentBudget& budget) { return api::EncodeAgentBudget(budget); });
  return 0;
}
