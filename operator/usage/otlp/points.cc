// Metrics as amounts of series.
#include <array>
#include <charconv>
#include <cmath>

#include "usage/otlp/attributes.h"

namespace purser::usage::otlp {
namespace {

std::optional<Money> DollarsOf(double value) {
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  const auto money = Money::ParseSample(std::string_view(text.data(), end.ptr));
  return money.ok() ? std::optional(*money) : std::nullopt;
}

std::optional<std::int64_t> CountOf(double value) {
  if (!(value >= 0) || value > 9e15) return std::nullopt;
  return std::llround(value);
}

// What a metric of this name and type of token counts; false: nothing that is spent.
bool Assign(const std::string& name, const std::string& type, double value, Amounts& into,
            bool& good) {
  const auto count = [&](std::int64_t& field) {
    const auto whole = CountOf(value);
    good = whole.has_value();
    field = whole.value_or(0);
    return true;
  };
  if (name == "claude_code.cost.usage") {
    const auto cost = DollarsOf(value);
    good = cost.has_value();
    into.cost = cost.value_or(Money());
    return true;
  }
  if (name != "claude_code.token.usage" && name != "gen_ai.client.token.usage") return false;
  if (type == "output" || type == "completion") return count(into.output_tokens);
  if (type == "cacheRead" || type == "cached_input") {
    count(into.cached_tokens);
    // Claude Code counts the input beside it, the conventions within.
    if (name == "claude_code.token.usage") into.input_tokens = into.cached_tokens;
    return true;
  }
  if (type == "input" || type == "prompt" || type == "cacheCreation")
    return count(into.input_tokens);
  return false;
}

struct Sample {
  const KeyValues& attributes;
  std::uint64_t start = 0, time = 0;
  double value = 0;
};

void Take(const Sample& sample, const wire::Metric& metric,
          wire::AggregationTemporality temporality, const Attributes& resource,
          const std::string& identity, Points& into) {
  const Attributes own(sample.attributes);
  Point point;
  bool good = true;
  if (!Assign(metric.name(), own.Text({"type", "gen_ai.token.type"}), sample.value, point.amounts,
              good)) {
    ++into.skipped;
    return;
  }
  point.series = HashText(identity + '\x1d' + metric.name() + '\x1d' + own.Identity());
  point.start = TimeOf(sample.start);
  point.cumulative = temporality == wire::AGGREGATION_TEMPORALITY_CUMULATIVE;
  Attribute(own, resource, point.who);
  if (point.who.agent.empty())
    point.who.agent = resource.Text({"agent", "agent.name", "gen_ai.agent.name", "service.name"});
  point.who.at = TimeOf(sample.time);
  point.who.id = "metric-" + point.series + "-" + std::to_string(sample.start) + "-" +
                 std::to_string(sample.time);
  if (!good) {
    into.rejected.push_back({point.who.id, metric.name() + " is no number that is not negative"});
    return;
  }
  into.points.push_back(std::move(point));
}

}  // namespace

Result<Points> DecodeMetrics(std::string_view body, Encoding encoding) {
  wire::MetricsData data;
  if (auto parsed = Parse(body, encoding, data); !parsed.ok()) return parsed.error();
  Points decoded;
  for (const auto& each : data.resource_metrics()) {
    const Attributes resource(each.resource().attributes());
    const auto identity = resource.Identity();
    for (const auto& scope : each.scope_metrics()) {
      for (const auto& metric : scope.metrics()) {
        for (const auto& one : metric.sum().data_points()) {
          const auto value = one.value_case() == wire::NumberDataPoint::kAsInt
                                 ? static_cast<double>(one.as_int())
                                 : one.as_double();
          Take({one.attributes(), one.start_time_unix_nano(), one.time_unix_nano(), value}, metric,
               metric.sum().aggregation_temporality(), resource, identity, decoded);
        }
        for (const auto& one : metric.histogram().data_points()) {
          Take({one.attributes(), one.start_time_unix_nano(), one.time_unix_nano(), one.sum()},
               metric, metric.histogram().aggregation_temporality(), resource, identity, decoded);
        }
      }
    }
  }
  return decoded;
}

}  // namespace purser::usage::otlp
