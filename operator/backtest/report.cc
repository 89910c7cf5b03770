#include "backtest/report.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "api/text_form.h"
#include "backtest/figures.h"
#include "base/time_text.h"

namespace purser::backtest {
namespace {

using nlohmann::json;

constexpr std::size_t kMostEvents = 200;

std::string Dollars(Money money) { return "$" + Cents(money); }

std::string Percent(double percent) { return Rounded(percent, 1) + " %"; }

std::string OutcomeRow(const std::string& name, const Outcome& outcome) {
  return PadRight(api::Visible(name), 34) + PadRight(AmountText(outcome.asked), 26) +
         PadRight(AmountText(outcome.spent), 26) + PadRight(AmountText(outcome.refused), 26) +
         AmountText(outcome.held_back) + "\n";
}

json OutcomeJson(const Outcome& outcome) {
  const auto amounts = [](const Amounts& one) {
    return json{{"costUSD", one.cost.ToDecimal()},
                {"calls", one.calls},
                {"inputTokens", one.input_tokens},
                {"outputTokens", one.output_tokens}};
  };
  return {{"asked", amounts(outcome.asked)},
          {"spent", amounts(outcome.spent)},
          {"refused", amounts(outcome.refused)},
          {"heldBack", amounts(outcome.held_back)},
          {"refusedPercent", RefusedPercent(outcome)}};
}

std::string EventLine(const Event& event) {
  return FormatUtc(event.at) + "  " + event.budget.ToString() +
         (event.subject.empty() ? "" : " (" + api::Visible(event.subject) + ")") + ": " +
         std::string(policy::ToString(event.before)) + " -> " +
         std::string(policy::ToString(event.level)) + ": " + api::Visible(event.message) + "\n";
}

}  // namespace

std::string AmountText(const Amounts& amounts) {
  return Dollars(amounts.cost) + " of " + std::to_string(amounts.calls) +
         (amounts.calls == 1 ? " call" : " calls");
}

std::string ReportText(const Replayed& replayed) {
  std::string text = "From " + FormatUtc(replayed.from) + " to " + FormatUtc(replayed.to) + "\n\n";
  for (std::size_t i = 0; i < replayed.events.size() && i < kMostEvents; ++i)
    text += EventLine(replayed.events[i]);
  if (replayed.events.size() > kMostEvents) {
    text += "... and " + std::to_string(replayed.events.size() - kMostEvents) +
            " more; -o json has all\n";
  }
  if (replayed.events.empty()) text += "No budget would have asked anything.\n";
  text += "\n" + PadRight("AGENT", 34) + PadRight("ASKED", 26) + PadRight("SPENT", 26) +
          PadRight("REFUSED", 26) + "HELD BACK\n";
  std::vector<std::pair<std::string, Outcome>> agents(replayed.agents.begin(),
                                                      replayed.agents.end());
  std::stable_sort(agents.begin(), agents.end(), [](const auto& a, const auto& b) {
    return a.second.asked.cost > b.second.asked.cost;
  });
  for (const auto& [name, outcome] : agents) text += OutcomeRow(name, outcome);
  text += OutcomeRow("all", replayed.all);
  const auto saved = replayed.all.asked.cost - replayed.all.spent.cost;
  text += "\nSaved " + Dollars(saved) + ", and refused or held back " +
          Percent(RefusedPercent(replayed.all)) + " of the calls; none is tried again here.\n";
  return text;
}

json ReportJson(const Replayed& replayed) {
  json events = json::array();
  for (const auto& event : replayed.events) {
    events.push_back({{"at", FormatUtcMillis(event.at)},
                      {"namespace", event.budget.ns},
                      {"budget", event.budget.name},
                      {"subject", event.subject},
                      {"before", policy::ToString(event.before)},
                      {"level", policy::ToString(event.level)},
                      {"message", event.message}});
  }
  json agents = json::object();
  for (const auto& [name, outcome] : replayed.agents) agents[name] = OutcomeJson(outcome);
  return {{"from", FormatUtcMillis(replayed.from)},
          {"to", FormatUtcMillis(replayed.to)},
          {"events", std::move(events)},
          {"agents", std::move(agents)},
          {"all", OutcomeJson(replayed.all)}};
}

std::string LimitsText(const std::vector<Tried>& tried, Unit unit) {
  std::string text = PadRight("LIMIT", 18) + PadRight("SPENT", 26) + PadRight("REFUSED", 26) +
                     PadRight("HELD BACK", 26) + PadRight("CALLS NOT MADE", 16) + "STOPS\n";
  for (const auto& each : tried) {
    text += PadRight(ToDecimal(each.limit, unit), 18) +
            PadRight(AmountText(each.outcome.spent), 26) +
            PadRight(AmountText(each.outcome.refused), 26) +
            PadRight(AmountText(each.outcome.held_back), 26) +
            PadRight(Percent(RefusedPercent(each.outcome)), 16) + std::to_string(each.stops) + "\n";
  }
  return text;
}

json LimitsJson(const std::vector<Tried>& tried, Unit unit) {
  json rows = json::array();
  for (const auto& each : tried) {
    auto row = OutcomeJson(each.outcome);
    row["limit"] = ToDecimal(each.limit, unit);
    row["stops"] = each.stops;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string SuggestionText(const Tried& tried, Unit unit, double percent) {
  return "A limit of " + ToDecimal(tried.limit, unit) + " would have refused or held back " +
         Percent(RefusedPercent(tried.outcome)) + " of the calls (asked: at most " +
         Percent(percent) + ") and let " + Dollars(tried.outcome.spent.cost) + " be spent.\n";
}

}  // namespace purser::backtest
