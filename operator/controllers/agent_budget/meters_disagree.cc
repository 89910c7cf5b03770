#include "controllers/agent_budget/meters_disagree.h"

#include <algorithm>
#include <string>
#include <vector>

#include "policy/measure.h"

namespace purser::controllers {
namespace {

constexpr const char* kMetersDisagree = "MetersDisagree";
// A scrape and a batch of records are never of one moment: so much of the higher, and what was
// spent within the last minutes, is no disagreement.
constexpr std::int32_t kTolerated = 5;  // percent

}  // namespace

void AddMeters(const BudgetReport& report, api::AgentBudgetStatus& status,
               ReportConditions& conditions) {
  Quantity meter;
  Quantity records;
  Quantity higher;
  Quantity recent;
  bool both = false;
  if (report.evaluation != nullptr) {
    const auto measure = [&](const Amounts& amounts) {
      return policy::MeasureOf(amounts, report.budget.spec);
    };
    for (const auto& row : report.evaluation->rows) {
      if (!row->both) continue;
      both = true;
      meter = meter + measure(row->both->meter);
      records = records + measure(row->both->records);
      higher = higher + measure(row->both->higher);
      recent = recent + measure(row->last_5_minutes);
    }
  }
  if (!both) {
    std::erase_if(status.conditions, [](const auto& one) { return one.type == kMetersDisagree; });
    return;
  }
  const auto& spec = report.budget.spec;
  const auto unexplained = std::max(higher - records, Quantity());
  const auto unmetered = std::max(higher - meter, Quantity());
  status.meters = api::MetersTold{ToDecimal(meter, spec.unit), ToDecimal(records, spec.unit),
                                  ToDecimal(unexplained, spec.unit)};
  const auto apart = std::max(unexplained, unmetered);
  const bool disagree = apart > recent && ReachesPercent(apart, higher, kTolerated);
  std::string text = "in this window Prometheus tells " + ToText(meter, spec.unit) +
                     " and call records tell " + ToText(records, spec.unit);
  if (!disagree) {
    conditions.Set(kMetersDisagree, false, "Agree", text + ": within what a scrape makes of it");
    return;
  }
  text += "; " + ToText(unexplained, spec.unit) + " of the counters is in no record, and " +
          ToText(unmetered, spec.unit) + " of the records in no counter; counted by " +
          "sources[].counts (the higher of both for each agent by default); ";
  const bool missing = unexplained >= unmetered;
  text += missing ? "a sender that drops records (LiteLLM's callback sends a batch once) or an "
                    "agent that sends none explains it"
                  : "an agent that the counters do not see, or see under another name, explains it";
  conditions.Set(kMetersDisagree, true, missing ? "RecordsMissing" : "CounterMissing", text);
}

}  // namespace purser::controllers
