// OTLP bodies: the first byte chooses the signal, the rest is the body as protobuf and as JSON.
#include "fuzz/target.h"
#include "usage/otlp/decode.h"

namespace purser::fuzz {
namespace {

using usage::otlp::Encoding;

void CheckCalls(const Result<usage::otlp::Calls>& calls) {
  if (!calls) return;
  for (const auto& call : calls->calls) {
    Require(call.agent.size() <= 256 && call.task.size() <= 256, "names are bounded");
    Require(!call.cost || *call.cost >= Money(), "no call earns money");
    Require(call.tokens.input >= 0 && call.tokens.output >= 0, "no call earns tokens");
    Require(call.latency_ms >= 0, "no call ends before it begins");
  }
}

}  // namespace
}  // namespace purser::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace purser;
  auto text = fuzz::TextOf(data, size);
  if (text.empty()) return 0;
  const char signal = text.front();
  text.remove_prefix(1);
  for (const auto encoding : {fuzz::Encoding::kProtobuf, fuzz::Encoding::kJson}) {
    if (signal == 't') fuzz::CheckCalls(usage::otlp::DecodeTraces(text, encoding));
    if (signal == 'l') fuzz::CheckCalls(usage::otlp::DecodeLogs(text, encoding));
    if (signal != 'm') continue;
    const auto points = usage::otlp::DecodeMetrics(text, encoding);
    if (!points) continue;
    for (const auto& point : points->points)
      fuzz::Require(point.amounts.cost >= Money(), "no point earns money");
  }
  return 0;
}
