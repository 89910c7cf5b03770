#include "usage/records/litellm_body.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json_depth.h"
#include "ledger/store.h"

namespace purser::usage::records {
namespace {

using nlohmann::json;

const json& At(const json& object, const char* name) {
  static const json kNone;
  if (!object.is_object()) return kNone;
  const auto found = object.find(name);
  return found == object.end() ? kNone : *found;
}

std::string Text(const json& value) { return value.is_string() ? value.get<std::string>() : ""; }

// Nothing: no number, or not whole and positive.
std::int64_t Count(const json& value) {
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (!value.is_number_float()) return 0;
  const double number = value.get<double>();
  return number > -9e15 && number < 9e15 ? static_cast<std::int64_t>(number) : -1;
}

// The shortest text that is this number: what was written, for all that people write.
Result<Money> Cost(const json& value) {
  if (value.is_number_integer()) return Money::ParseSample(value.dump());
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value.get<double>()).ptr;
  return Money::ParseSample({text.data(), end});
}

// Seconds since 1970, with a fraction.
Timestamp Time(const json& value) {
  if (!value.is_number()) return {};
  const double seconds = value.get<double>();
  if (!(seconds > 0 && seconds < 253'402'300'799.0)) return {};
  return Timestamp(Duration(static_cast<std::int64_t>(seconds * 1000)));
}

bool MayBeNamespace(const std::string& text) {
  return !text.empty() && text.size() <= 63 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

class Payload {
 public:
  explicit Payload(const json& payload)
      : payload_(payload),
        metadata_(At(payload, "metadata")),
        spend_(At(metadata_, "spend_logs_metadata")),
        headers_(At(metadata_, "requester_custom_headers")) {}

  std::string Named(const char* header, const char* name) const {
    auto said = Text(At(headers_, header));
    return said.empty() ? Text(At(spend_, name)) : said;
  }

  // "": all is well; else why it is rejected.
  std::string Read(Record& record, std::string_view home) const {
    record.id = Text(At(payload_, "id"));
    if (record.id.empty()) record.id = Text(At(payload_, "litellm_call_id"));
    record.ns = Named("x-purser-namespace", "namespace");
    if (const auto team = Text(At(metadata_, "user_api_key_team_alias"));
        record.ns.empty() && MayBeNamespace(team))
      record.ns = team;
    if (record.ns.empty()) record.ns = home;
    record.agent = Named("x-purser-agent", "agent");
    if (record.agent.empty()) record.agent = Text(At(metadata_, "user_api_key_alias"));
    record.task = Named("x-purser-task", "task");
    record.workflow = Named("x-purser-workflow", "workflow");
    record.admission = Named("x-purser-admission", "admission");
    record.parent = Text(At(payload_, "trace_id"));
    record.provider = Text(At(payload_, "custom_llm_provider"));
    record.model = Text(At(payload_, "model"));
    record.tokens.input = Count(At(payload_, "prompt_tokens"));
    record.tokens.output = Count(At(payload_, "completion_tokens"));
    record.time = Time(At(payload_, "endTime"));
    const auto began = Time(At(payload_, "startTime"));
    if (began != Timestamp() && record.time > began)
      record.latency_ms = (record.time - began).count();
    if (Text(At(payload_, "status")) == "failure") {
      record.outcome = ledger::Outcome::kFailure;
      record.error = ledger::CutText(Text(At(payload_, "error_str")), kLongestError);
    }
    const auto& cost = At(payload_, "response_cost");
    if (cost.is_number()) {
      const auto money = Cost(cost);
      if (!money) return "response_cost: " + money.error().message();
      record.cost = *money;
    }
    if (record.time == Timestamp()) return "endTime: want seconds since 1970";
    if (record.agent.empty())
      return "agent: send the header x-purser-agent, or call with a key that has an alias";
    return WhatIsWrong(record);
  }

 private:
  const json& payload_;
  const json& metadata_;
  const json& spend_;
  const json& headers_;
};

void Add(const json& payload, std::size_t index, std::string_view home, Decoded& into) {
  Record record;
  std::string reason = payload.is_object() ? Payload(payload).Read(record, home)
                                           : "is no StandardLoggingPayload: want an object";
  if (!reason.empty()) {
    into.rejected.push_back({index, ledger::CutText(record.id, kLongestId), std::move(reason)});
    return;
  }
  into.records.push_back(std::move(record));
  into.indices.push_back(index);
}

Error TooMany() {
  return Error(ErrorCode::kResourceExhausted,
               "more than " + std::to_string(kMostRecords) + " payloads in one request");
}

}  // namespace

Result<Decoded> DecodeLiteLlm(const std::string& body, std::string_view home) {
  Decoded decoded;
  if (!DepthWithin(body))
    return Error(ErrorCode::kInvalidArgument, "the body is nested too deeply");
  const auto whole = json::parse(body, nullptr, false);
  if (whole.is_array()) {
    if (whole.size() > kMostRecords) return TooMany();
    for (std::size_t i = 0; i < whole.size(); ++i) Add(whole[i], i, home, decoded);
    return decoded;
  }
  if (whole.is_object()) {
    Add(whole, 0, home, decoded);
    return decoded;
  }
  std::size_t index = 0;
  bool any = false;
  for (std::size_t from = 0; from < body.size();) {
    const auto to = std::min(body.find('\n', from), body.size());
    const auto line = std::string_view(body).substr(from, to - from);
    from = to + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (index == kMostRecords) return TooMany();
    const auto payload = json::parse(line, nullptr, false);
    any = any || payload.is_object();
    Add(payload, index++, home, decoded);
  }
  if (any) return decoded;
  return Error(ErrorCode::kInvalidArgument,
               "the body is no JSON array, no object and no object a line");
}

}  // namespace purser::usage::records
