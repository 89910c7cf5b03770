// Spans and log records as calls.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "usage/otlp/attributes.h"

namespace purser::usage::otlp {
namespace {

constexpr std::size_t kMostAncestors = 64;

// The OpenTelemetry conventions for generative AI, old and new, and what instrumentations of before
// them say.
const auto kInput = {std::string_view("gen_ai.usage.input_tokens"),
                     std::string_view("gen_ai.usage.prompt_tokens"),
                     std::string_view("llm.usage.prompt_tokens"), std::string_view("input_tokens")};
const auto kOutput = {std::string_view("gen_ai.usage.output_tokens"),
                      std::string_view("gen_ai.usage.completion_tokens"),
                      std::string_view("llm.usage.completion_tokens"),
                      std::string_view("output_tokens")};

struct Node {
  const wire::Span* span = nullptr;
  const wire::Resource* resource = nullptr;
  std::string parent;
};

bool IsCall(const Attributes& own) {
  const auto operation = own.Text({"gen_ai.operation.name", "llm.request.type"});
  if (!operation.empty()) {
    constexpr std::array kCalls = {
        "chat",       "text_completion", "completion", "generate_content",
        "embeddings", "embedding",       "responses"};
    return std::find(kCalls.begin(), kCalls.end(), operation) != kCalls.end();
  }
  // Older instrumentations name no operation, but whom they asked and what it took.
  std::string wrong;
  return !own.Text({"gen_ai.system", "llm.system"}).empty() &&
         (own.Count(kInput, wrong) || own.Count(kOutput, wrong));
}

// Which of the amounts is wrong; "": none.
std::string ReadAmounts(const Attributes& own, Call& call) {
  std::string wrong;
  call.tokens.input = own.Count(kInput, wrong).value_or(0);
  call.tokens.output = own.Count(kOutput, wrong).value_or(0);
  call.tokens.cached =
      own.Count({"gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
                 "gen_ai.usage.cached_input_tokens"},
                wrong)
          .value_or(0);
  call.tokens.cache_creation = own.Count({"gen_ai.usage.cache_creation.input_tokens",
                                          "gen_ai.usage.cache_creation_input_tokens"},
                                         wrong)
                                   .value_or(0);
  call.tokens.reasoning =
      own.Count({"gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"}, wrong)
          .value_or(0);
  call.cost = own.Dollars({"purser.cost_usd", "agw.ai.usage.cost.total", "gen_ai.usage.cost",
                           "gen_ai.usage.total_cost", "llm.usage.cost"},
                          wrong);
  return wrong;
}

// The agent of the nearest invoke_agent around a span, as far as it came in the same body.
std::string AgentAround(const std::map<std::string, Node>& spans, std::string parent) {
  for (std::size_t up = 0; up < kMostAncestors; ++up) {
    const auto found = spans.find(parent);
    if (found == spans.end()) return "";
    const Attributes own(found->second.span->attributes());
    if (own.Text({"gen_ai.operation.name"}) == "invoke_agent") {
      auto agent = own.Text({"purser.agent", "gen_ai.agent.name"});
      if (!agent.empty()) return agent;
    }
    parent = found->second.parent;
  }
  return "";
}

std::string AgentOfResource(const Attributes& resource) {
  auto agent = resource.Text({"agent", "agent.name", "gen_ai.agent.name"});
  if (!agent.empty()) return agent;
  agent = resource.Text({"service.name"});
  return agent.rfind("unknown_service", 0) == 0 ? "" : agent;
}

Call CallOf(const std::string& id, const Node& node, const std::map<std::string, Node>& spans,
            std::string& wrong) {
  const Attributes own(node.span->attributes());
  const Attributes resource(node.resource->attributes());
  Call call;
  call.id = id;
  Attribute(own, resource, call);
  if (call.agent.empty()) call.agent = AgentAround(spans, node.parent);
  if (call.agent.empty()) call.agent = AgentOfResource(resource);
  call.at = TimeOf(node.span->end_time_unix_nano());
  if (node.span->end_time_unix_nano() > node.span->start_time_unix_nano())
    call.latency_ms =
        std::max<std::int64_t>(0, (call.at - TimeOf(node.span->start_time_unix_nano())).count());
  call.error = own.Text({"error.type"});
  call.failed =
      node.span->status().code() == wire::Status::STATUS_CODE_ERROR || !call.error.empty();
  if (call.failed && call.error.empty()) call.error = node.span->status().message().substr(0, 200);
  wrong = ReadAmounts(own, call);
  return call;
}

// claude_code.api_request and api_error, whatever way the event is named.
std::string EventOf(const wire::LogRecord& record, const Attributes& own) {
  auto event = record.event_name();
  if (event.empty()) event = own.Text({"event.name"});
  if (event.empty() && record.body().value_case() == wire::AnyValue::kStringValue)
    event = record.body().string_value();
  constexpr std::string_view kPrefix = "claude_code.";
  if (event.rfind(kPrefix, 0) == 0) event.erase(0, kPrefix.size());
  return event;
}

std::string IdOf(const wire::LogRecord& record, const Attributes& own, const Attributes& resource) {
  auto id = own.Text({"request_id"});
  if (id.empty()) id = own.Text({"client_request_id"});
  if (!id.empty()) return id;
  const auto sequence = own.Text({"event.sequence"});
  const auto session = own.Text({"session.id"});
  if (!sequence.empty() && !session.empty()) return session + "/" + sequence;
  return "log-" +
         HashText(resource.Identity() + own.Identity() + std::to_string(record.time_unix_nano()));
}

Call CallOf(const wire::LogRecord& record, const Attributes& own, const Attributes& resource,
            bool failed, std::string& wrong) {
  Call call;
  call.id = IdOf(record, own, resource);
  Attribute(own, resource, call);
  if (call.agent.empty()) call.agent = AgentOfResource(resource);
  if (call.agent.empty()) call.agent = own.Text({"agent.name"});
  if (call.provider.empty()) call.provider = "anthropic";
  const auto at =
      record.time_unix_nano() != 0 ? record.time_unix_nano() : record.observed_time_unix_nano();
  call.at = TimeOf(at);
  const auto cached = own.Count({"cache_read_tokens"}, wrong).value_or(0);
  const auto created = own.Count({"cache_creation_tokens"}, wrong).value_or(0);
  // Anthropic counts the input beside what comes from or goes to its cache.
  const auto input = own.Count({"input_tokens"}, wrong).value_or(0);
  constexpr std::int64_t kMost = std::int64_t{1} << 60;
  if (input > kMost || cached > kMost || created > kMost) wrong = "input_tokens";
  call.tokens = {.input = wrong.empty() ? input + cached + created : 0,
                 .output = own.Count({"output_tokens"}, wrong).value_or(0),
                 .cached = cached,
                 .cache_creation = created};
  const auto micros = own.Count({"cost_usd_micros"}, wrong);
  if (micros && *micros <= INT64_MAX / 1000) {
    call.cost = Money::FromNanos(*micros * 1000);
  } else if (micros) {
    wrong = "cost_usd_micros";
  } else {
    call.cost = own.Dollars({"cost_usd"}, wrong);
  }
  call.latency_ms = own.Count({"duration_ms"}, wrong).value_or(0);
  call.failed = failed;
  if (failed) call.error = own.Text({"error", "status_code"});
  return call;
}

void Put(Call call, const std::string& wrong, Calls& into) {
  if (wrong.empty()) {
    into.calls.push_back(std::move(call));
    return;
  }
  into.rejected.push_back(
      {call.id, "attribute " + wrong + " is no number that is not negative and fits"});
}

}  // namespace

Result<Calls> DecodeTraces(std::string_view body, Encoding encoding) {
  wire::TracesData data;
  if (auto parsed = Parse(body, encoding, data); !parsed.ok()) return parsed.error();
  std::map<std::string, Node> spans;
  std::set<std::string> around;  // spans that have a call inside
  static const wire::Resource kNone;
  for (const auto& each : data.resource_spans()) {
    const auto& resource = each.has_resource() ? each.resource() : kNone;
    for (const auto& scope : each.scope_spans()) {
      for (const auto& span : scope.spans()) {
        const auto trace = IdText(span.trace_id(), encoding) + ":";
        spans.emplace(trace + IdText(span.span_id(), encoding),
                      Node{&span, &resource, trace + IdText(span.parent_span_id(), encoding)});
      }
    }
  }
  for (const auto& [id, node] : spans) {
    if (!IsCall(Attributes(node.span->attributes()))) continue;
    // A framework's span around the client's own of the same call: the inner one is the call.
    auto parent = node.parent;
    for (std::size_t up = 0; up < kMostAncestors && around.insert(parent).second; ++up) {
      const auto found = spans.find(parent);
      if (found == spans.end()) break;
      parent = found->second.parent;
    }
  }
  Calls decoded;
  for (const auto& [id, node] : spans) {
    if (!IsCall(Attributes(node.span->attributes())) || around.contains(id)) {
      ++decoded.skipped;
      continue;
    }
    std::string wrong;
    auto call = CallOf(id, node, spans, wrong);
    Put(std::move(call), wrong, decoded);
  }
  return decoded;
}

Result<Calls> DecodeLogs(std::string_view body, Encoding encoding) {
  wire::LogsData data;
  if (auto parsed = Parse(body, encoding, data); !parsed.ok()) return parsed.error();
  Calls decoded;
  for (const auto& each : data.resource_logs()) {
    const Attributes resource(each.resource().attributes());
    for (const auto& scope : each.scope_logs()) {
      for (const auto& record : scope.log_records()) {
        const Attributes own(record.attributes());
        const auto event = EventOf(record, own);
        if (event != "api_request" && event != "api_error") {
          ++decoded.skipped;
          continue;
        }
        std::string wrong;
        auto call = CallOf(record, own, resource, event == "api_error", wrong);
        Put(std::move(call), wrong, decoded);
      }
    }
  }
  return decoded;
}

}  // namespace purser::usage::otlp
