#include "admissions/kept.h"

#include <nlohmann/json.hpp>

namespace purser::admissions {
namespace {

using nlohmann::json;

json ToArray(const Amounts& amounts) {
  return json::array({amounts.cost.nanos(), amounts.calls, amounts.failed_calls,
                      amounts.input_tokens, amounts.output_tokens, amounts.cached_tokens,
                      amounts.reasoning_tokens, amounts.latency_ms, amounts.estimated.nanos()});
}

Amounts FromArray(const json& array) {
  const auto at = [&](std::size_t index) { return array.at(index).get<std::int64_t>(); };
  const auto estimated = array.size() > 8 ? at(8) : 0;  // older ones have none
  return {Money::FromNanos(at(0)),    at(1), at(2), at(3), at(4), at(5), at(6), at(7),
          Money::FromNanos(estimated)};
}

}  // namespace

ledger::KeptAdmission ToKept(const gate::Reservation& one) {
  const json body = {{"key", one.key},
                     {"ns", one.ns},
                     {"agent", one.agent},
                     {"task", one.task},
                     {"workflow", one.workflow},
                     {"model", one.model},
                     {"estimate", ToArray(one.estimate)},
                     {"fact", ToArray(one.fact)},
                     {"expires", one.expires.time_since_epoch().count()},
                     {"phase", static_cast<int>(one.phase)},
                     {"lapsed", one.lapsed},
                     {"keyTaken", one.key_taken},
                     {"recorded", one.recorded}};
  return {one.id, one.made, gate::Ended(one.phase),
          body.dump(-1, ' ', false, json::error_handler_t::replace)};
}

Result<gate::Reservation> FromKept(const ledger::KeptAdmission& kept) {
  try {
    const auto body = json::parse(kept.body);
    gate::Reservation one;
    one.id = kept.id;
    one.made = kept.made;
    one.key = body.at("key").get<std::string>();
    one.ns = body.at("ns").get<std::string>();
    one.agent = body.at("agent").get<std::string>();
    one.task = body.at("task").get<std::string>();
    one.workflow = body.at("workflow").get<std::string>();
    one.model = body.at("model").get<std::string>();
    one.estimate = FromArray(body.at("estimate"));
    one.fact = FromArray(body.at("fact"));
    one.expires = Timestamp(Duration(body.at("expires").get<std::int64_t>()));
    one.phase = static_cast<gate::Phase>(body.at("phase").get<int>());
    one.lapsed = body.at("lapsed").get<bool>();
    one.key_taken = body.value("keyTaken", false);  // older ones have neither
    one.recorded = body.value("recorded", false);
    if (one.phase != gate::Phase::kOpen && !gate::Ended(one.phase))
      return Error(ErrorCode::kCorrupt, "admission " + kept.id + ": no phase that is kept");
    return one;
  } catch (const json::exception& problem) {
    return Error(ErrorCode::kCorrupt, "admission " + kept.id + ": " + problem.what());
  }
}

}  // namespace purser::admissions
