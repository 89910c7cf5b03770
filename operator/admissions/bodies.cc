#include "admissions/bodies.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json_depth.h"
#include "base/time_text.h"
#include "ledger/spend_key.h"

namespace purser::admissions {
namespace {

using nlohmann::json;

constexpr std::int64_t kMostTokens = 1'000'000'000;
constexpr std::size_t kMostCandidates = 64;

Error Invalid(const std::string& field, const std::string& what) {
  return {ErrorCode::kInvalidArgument, field + ": " + what};
}

// Reads known fields of one object and tells of the first problem.
class Fields {
 public:
  explicit Fields(std::string_view body) {
    if (!DepthWithin(body)) {
      status_ = Invalid("body", "is nested more than 64 levels deep");
      return;
    }
    value_ = json::parse(body.empty() ? std::string_view("{}") : body, nullptr, false);
    if (!value_.is_object()) status_ = Invalid("body", "is no JSON object");
  }

  void Text(const char* name, std::string& into, bool required = false) {
    const auto* field = Find(name);
    if (field == nullptr) {
      if (required) Fail(name, "is required");
      return;
    }
    if (!field->is_string()) return Fail(name, "want a string");
    into = field->get<std::string>();
    if (into.size() > ledger::kLongestName)
      return Fail(name, "is longer than " + std::to_string(ledger::kLongestName) + " bytes");
    if (required && into.empty()) Fail(name, "is required and must not be empty");
    const auto control = [](unsigned char letter) { return letter < 0x20 || letter == 0x7f; };
    if (std::any_of(into.begin(), into.end(), control)) Fail(name, "holds a control character");
  }

  // A decimal string, or a number read as it is written.
  void Dollars(const char* name, std::optional<Money>& into) {
    const auto* field = Find(name);
    if (field == nullptr) return;
    std::string text;
    if (field->is_string()) {
      text = field->get<std::string>();
    } else if (field->is_number_integer() || field->is_number_unsigned()) {
      text = field->dump();
    } else if (field->is_number_float()) {
      std::array<char, 64> digits{};
      const auto end =
          std::to_chars(digits.data(), digits.data() + digits.size(), field->get<double>());
      text.assign(digits.data(), end.ptr);
    }
    const auto money = Money::ParseSample(text);
    if (!money.ok()) return Fail(name, "want dollars that are not negative, such as \"0.0125\"");
    into = *money;
  }

  template <typename Into>
  void Count(const char* name, Into& into, std::int64_t most = kMostTokens) {
    const auto* field = Find(name);
    if (field == nullptr) return;
    const bool fits = field->is_number_integer() &&
                      (!field->is_number_unsigned() ||
                       field->get<std::uint64_t>() <= static_cast<std::uint64_t>(most));
    const auto count = fits ? field->get<std::int64_t>() : -1;
    if (count < 0 || count > most)
      return Fail(name, "want a whole number from 0 to " + std::to_string(most));
    into = count;
  }

  void Seconds(const char* name, Duration& into, Duration least, Duration most) {
    const auto* field = Find(name);
    if (field == nullptr) return;
    const double seconds = field->is_number() ? field->get<double>() : -1;
    const double highest = static_cast<double>(most.count()) / 1000;
    if (!(seconds >= static_cast<double>(least.count()) / 1000) || seconds > highest)
      return Fail(name, "want seconds from " + std::to_string(least.count() / 1000) + " to " +
                            std::to_string(most.count() / 1000));
    into = Duration(static_cast<std::int64_t>(seconds * 1000));
  }

  void Share(const char* name, double& into) {
    const auto* field = Find(name);
    if (field == nullptr) return;
    const double share = field->is_number() ? field->get<double>() : -1;
    if (!(share >= 0) || share > 1) return Fail(name, "want a number from 0 to 1");
    into = share;
  }

  void Names(const char* name, std::vector<std::string>& into) {
    const auto* field = Find(name);
    if (field == nullptr) return;
    if (!field->is_array() || field->size() > kMostCandidates)
      return Fail(name, "want a list of at most " + std::to_string(kMostCandidates) + " names");
    for (const auto& each : *field) {
      if (!each.is_string() || each.get_ref<const std::string&>().size() > ledger::kLongestName)
        return Fail(name, "want a list of strings of at most " +
                              std::to_string(ledger::kLongestName) + " bytes");
      into.push_back(each.get<std::string>());
    }
  }

  const json* Find(const char* name) {
    known_.emplace_back(name);
    if (!status_.ok()) return nullptr;
    const auto found = value_.find(name);
    return found == value_.end() || found->is_null() ? nullptr : &*found;
  }

  void Fail(const char* name, const std::string& what) { KeepFirst(status_, Invalid(name, what)); }

  // After all fields: what is left is a mistake.
  Status Finish() {
    if (!status_.ok()) return status_;
    for (const auto& [name, value] : value_.items()) {
      if (std::find(known_.begin(), known_.end(), name) == known_.end())
        return Invalid(name.substr(0, 64), "is no field of this request");
    }
    return Ok();
  }

 private:
  json value_ = json::object();
  std::vector<std::string> known_;
  Status status_ = Ok();
};

const char* TextOf(gate::Decision decision) {
  switch (decision) {
    case gate::Decision::kAllow:
      return "Allow";
    case gate::Decision::kQueue:
      return "Queue";
    case gate::Decision::kRefuse:
      break;
  }
  return "Refuse";
}

std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

Result<Question> ParseQuestion(std::string_view body) {
  Question question;
  Fields fields(body);
  fields.Text("key", question.key, true);
  fields.Text("namespace", question.ns);
  fields.Text("agent", question.agent, true);
  fields.Text("task", question.task);
  fields.Text("workflow", question.workflow);
  fields.Text("provider", question.provider);
  fields.Text("model", question.model);
  fields.Dollars("estimateUSD", question.estimate);
  fields.Count("inputTokens", question.input_tokens);
  fields.Count("maxOutputTokens", question.max_output_tokens);
  fields.Seconds("waitSeconds", question.wait, {}, kLongestWait);
  fields.Seconds("expiresSeconds", question.lives, std::chrono::seconds(1), std::chrono::hours(1));
  PURSER_RETURN_IF_ERROR(fields.Finish());
  return question;
}

Result<Fact> ParseFact(std::string_view body) {
  Fact fact;
  Fields fields(body);
  std::string outcome = "Success";
  std::string ignored;
  fields.Dollars("costUSD", fact.cost);
  for (const auto* name : {"inputTokens", "outputTokens"})
    fact.tokens_told = fields.Find(name) != nullptr || fact.tokens_told;
  fields.Count("inputTokens", fact.tokens.input);
  fields.Count("outputTokens", fact.tokens.output);
  fields.Count("cachedTokens", fact.tokens.cached);
  fields.Count("reasoningTokens", fact.tokens.reasoning);
  fields.Count("latencyMs", fact.latency_ms);
  fields.Text("outcome", outcome);
  fields.Text("provider", fact.provider);
  fields.Text("model", fact.model);
  fields.Text("id", fact.id);
  for (const auto* name :
       {"error", "namespace", "agent", "pool", "task", "workflow", "parent", "admission"})
    fields.Text(name, ignored);
  fields.Find("time");
  if (outcome != "Success" && outcome != "Failure" && outcome != "Retry")
    fields.Fail("outcome", "want Success, Failure or Retry");
  fact.failed = outcome != "Success";
  if (!fact.cost && !fact.tokens_told && !fact.failed)
    fields.Fail("costUSD", "is required where no inputTokens or outputTokens are told");
  PURSER_RETURN_IF_ERROR(fields.Finish());
  return fact;
}

Result<RouteQuestion> ParseRouteQuestion(std::string_view body) {
  RouteQuestion question;
  Fields fields(body);
  std::string objective = "Cost";
  std::int64_t latency = -1;
  fields.Text("namespace", question.ns);
  fields.Text("task", question.task, true);
  fields.Names("candidates", question.candidates);
  fields.Text("objective", objective);
  fields.Share("minimumSuccess", question.wish.minimum_success);
  fields.Count("maximumLatencyMs", latency);
  if (latency >= 0) question.wish.maximum_latency_ms = latency;
  if (objective == "Latency") {
    question.wish.objective = gate::Objective::kLatency;
  } else if (objective == "Auto") {
    question.wish.objective = gate::Objective::kAuto;
  } else if (objective != "Cost") {
    fields.Fail("objective", "want Cost, Latency or Auto");
  }
  PURSER_RETURN_IF_ERROR(fields.Finish());
  return question;
}

Amounts AmountsOf(const Fact& fact, const std::string& model,
                  const usage::pricing::Prices& prices) {
  Amounts amounts;
  const auto priced = prices.Price(fact.provider, fact.model.empty() ? model : fact.model,
                                   fact.tokens, usage::pricing::Tier::kStandard, true);
  amounts.cost = fact.cost.value_or(priced.cost);
  if (!fact.cost && !priced.known) amounts.estimated = priced.cost;
  amounts.calls = 1;
  amounts.failed_calls = fact.failed ? 1 : 0;
  amounts.input_tokens = fact.tokens.input;
  amounts.output_tokens = fact.tokens.output;
  amounts.cached_tokens = std::min(fact.tokens.cached, fact.tokens.input);
  amounts.reasoning_tokens = std::min(fact.tokens.reasoning, fact.tokens.output);
  amounts.latency_ms = fact.latency_ms;
  return amounts;
}

std::string ToJson(const gate::Answer& answer) {
  json value = {{"decision", TextOf(answer.decision)}, {"reason", answer.reason}};
  const auto put = [&](const char* name, const std::string& text) {
    if (!text.empty()) value[name] = text;
  };
  put("message", answer.message);
  put("id", answer.id);
  put("model", answer.model);
  put("budget", answer.budget);
  if (answer.decision == gate::Decision::kAllow) {
    value["reservedUSD"] = answer.reserved.cost.ToDecimal();
    value["expiresAt"] = FormatUtcMillis(answer.expires);
  }
  if (answer.position > 0) value["position"] = answer.position;
  if (answer.retry_after)
    value["retryAfterSeconds"] = std::max<std::int64_t>(
        1, std::chrono::ceil<std::chrono::seconds>(*answer.retry_after).count());
  if (answer.resets_at) value["resetsAt"] = FormatUtc(*answer.resets_at);
  if (answer.decision == gate::Decision::kRefuse) {
    value["alternatives"] = json::array();
    for (const auto& choice : answer.alternatives)
      value["alternatives"].push_back({{"agent", choice.agent}, {"model", choice.model}});
  }
  return Dump(value);
}

std::string ToJson(const gate::Route& route) {
  json value = {{"reason", route.reason}, {"candidates", json::array()}};
  if (route.chosen) {
    value["agent"] = route.weighed[*route.chosen].candidate.agent;
    value["model"] = route.weighed[*route.chosen].candidate.model;
  }
  for (const auto& one : route.weighed) {
    const auto& candidate = one.candidate;
    json told = {{"agent", candidate.agent}, {"model", candidate.model},       {"able", one.able},
                 {"calls", candidate.calls}, {"pressure", candidate.pressure}, {"why", one.why}};
    if (candidate.calls > 0) {
      told["p95LatencyMs"] = candidate.p95_latency_ms;
      told["success"] = one.success;
    }
    if (one.expected_cost) told["expectedCostUSD"] = one.expected_cost->ToDecimal();
    value["candidates"].push_back(std::move(told));
  }
  return Dump(value);
}

std::string EndedJson(const std::string& id, const Money& cost, std::string_view how) {
  return Dump({{"id", id}, {"costUSD", cost.ToDecimal()}, {"state", how}});
}

}  // namespace purser::admissions
