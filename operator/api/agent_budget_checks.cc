#include "api/agent_budget_checks.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "api/codec.h"
#include "api/text_form.h"

namespace purser::api {
namespace {

constexpr Duration kShortestRolling = std::chrono::minutes(5);
constexpr Duration kLongestRolling = std::chrono::hours(90 * 24);

bool IsWholeMinutes(Duration duration) {
  return duration % std::chrono::minutes(1) == Duration::zero();
}

bool IsGiven(simdjson::dom::element object, std::string_view name) {
  simdjson::dom::element given;
  return object[name].get(given) == simdjson::SUCCESS && !given.is_null();
}

// The text at `name`, if it is one, as a quantity.
void ReadQuantity(ReadContext& context, simdjson::dom::element object, std::string_view name,
                  Unit unit, Quantity& into) {
  std::string_view text;
  if (object[name].get(text) != simdjson::SUCCESS) return;
  const ReadContext::Step step(context, name);
  const auto quantity = ParseQuantity(text, unit);
  if (quantity) {
    into = *quantity;
  } else {
    context.Fail(quantity.error().message());
  }
}

// Calls read(item, i) for each object of the list at `name`.
template <typename Read>
void ForEachItem(ReadContext& context, simdjson::dom::element spec, std::string_view name,
                 std::size_t most, const Read& read) {
  simdjson::dom::array list;
  if (spec[name].get(list) != simdjson::SUCCESS) return;
  const ReadContext::Step step(context, name);
  std::size_t index = 0;
  for (const auto item : list) {
    if (index == most) break;
    const ReadContext::Step at(context, index);
    if (item.is_object()) read(item, index);
    ++index;
  }
}

}  // namespace

void ReadQuantities(ReadContext& context, simdjson::dom::element spec, AgentBudgetSpec& into) {
  if (!spec.is_object()) return;
  ReadQuantity(context, spec, "limit", into.unit, into.limit);
  ForEachItem(context, spec, "limits", into.limits.size(), [&](auto item, std::size_t i) {
    ReadQuantity(context, item, "limit", into.unit, into.limits[i].limit);
  });
  ForEachItem(context, spec, "burnRates", into.burn_rates.size(), [&](auto item, std::size_t i) {
    if (IsGiven(item, "floor"))
      ReadQuantity(context, item, "floor", into.unit, into.burn_rates[i].floor.emplace());
  });
  simdjson::dom::element requests;
  if (spec["allowRequests"].get(requests) == simdjson::SUCCESS && requests.is_object()) {
    const ReadContext::Step step(context, "allowRequests");
    ReadQuantity(context, requests, "upTo", into.unit, into.allow_requests.up_to);
  }
}

void CheckWindow(ReadContext& context, simdjson::dom::element spec, const WindowSpec& window) {
  const ReadContext::Step step(context, "window");
  const bool has_length = window.length != Duration::zero();
  switch (window.type) {
    case WindowType::kCalendar:
      if (has_length)
        context.Fail(
            "a Calendar window has period Hour, Day, Week or Month; a duration needs "
            "type: Rolling",
            {{"period"}});
      break;
    case WindowType::kRolling:
      if (!has_length || !IsWholeMinutes(window.length) || window.length < kShortestRolling ||
          window.length > kLongestRolling)
        context.Fail(
            "a Rolling window has a duration of whole minutes from 5m to 2160h, such as "
            "24h",
            {{"period"}});
      break;
    case WindowType::kLifetime:
      break;
  }
  simdjson::dom::element written;
  const bool given = spec["window"].get(written) == simdjson::SUCCESS && written.is_object();
  if (given && window.type != WindowType::kLifetime && IsGiven(written, "since"))
    context.Fail("goes with type: Lifetime", {{"since"}});
}

void CheckBurnRates(ReadContext& context, const std::vector<BurnRate>& rules) {
  const ReadContext::Step step(context, "burnRates");
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto& rule = rules[i];
    for (std::size_t j = 0; j < i; ++j) {
      if (rules[j].name == rule.name && !rule.name.empty())
        context.Fail(Quoted(rule.name) + " is the name of an earlier rule; each has its own",
                     {{"", i}, {"name"}});
    }
    if (!IsWholeMinutes(rule.within))
      context.Fail("want whole minutes, such as 24h or 30m", {{"", i}, {"within"}});
    if (!IsWholeMinutes(rule.confirm_within))
      context.Fail("want whole minutes, such as 5m", {{"", i}, {"confirmWithin"}});
    if (rule.confirm_within > rule.within)
      context.Fail("is the shorter of the two times; want at most within",
                   {{"", i}, {"confirmWithin"}});
  }
}

void CheckScope(ReadContext& context, const ScopeSpec& scope) {
  const ReadContext::Step step(context, "scope");
  const auto has_star = [](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), "*") != names.end();
  };
  if (scope.pools.empty() && scope.agents.empty()) {
    context.Fail(
        "an empty scope is refused; name pools or agents, or write {pools: [\"*\"]} for the whole "
        "namespace");
  }
  if (has_star(scope.pools) && scope.pools.size() > 1) {
    context.Fail("\"*\" must stand alone: it covers every pool already", {{"pools"}});
  }
  if (has_star(scope.agents)) {
    context.Fail("\"*\" is not the name of an agent; leave agents out to cover all of them",
                 {{"agents"}});
  }
}

void CheckLimits(ReadContext& context, const AgentBudgetSpec& spec) {
  const ReadContext::Step step(context, "limits");
  if (!spec.limits.empty() && spec.scope.per != Per::kAgent)
    context.Fail("needs scope.per: Agent, for only then has an agent a limit of its own");
  for (std::size_t i = 0; i < spec.limits.size(); ++i) {
    const auto& agent = spec.limits[i].agent;
    const auto here = spec.limits.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::any_of(spec.limits.begin(), here, [&](const auto& one) { return one.agent == agent; }))
      context.Fail("\"" + agent + "\" has a limit in an earlier entry", {{"", i}, {"agent"}});
  }
}

void CheckThresholds(ReadContext& context, std::vector<Threshold>& thresholds) {
  const ReadContext::Step step(context, "thresholds");
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    const auto& here = thresholds[i];
    for (std::size_t j = 0; j < thresholds.size(); ++j) {
      const auto& other = thresholds[j];
      if (j < i && other.percent == here.percent && here.percent != 0) {
        context.Fail(std::to_string(here.percent) +
                         " is the percent of an earlier threshold; each has its own",
                     {{"", i}, {"percent"}});
      }
      if (other.percent != 0 && other.percent < here.percent && here.action < other.action) {
        context.Fail(std::string(ToString(here.action)) + " at " + std::to_string(here.percent) +
                         " percent is weaker than " + std::string(ToString(other.action)) + " at " +
                         std::to_string(other.percent) + "; no weaker action above a stronger",
                     {{"", i}, {"action"}});
        break;
      }
    }
  }
  std::stable_sort(thresholds.begin(), thresholds.end(),
                   [](const Threshold& a, const Threshold& b) { return a.percent < b.percent; });
}

}  // namespace purser::api
