#include "plugin/explain.h"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "api/agent_budget.h"
#include "api/codec.h"
#include "api/text_form.h"
#include "base/join.h"
#include "plugin/field.h"

namespace purser::plugin {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 8> kWellWhenTrue = {
    "Ready",           "ScopeResolved", "SourceHealthy",     "Metered",
    "PricingComplete", "Governed",      "WorkloadsResolved", "LimitsPublished"};
// Told by the sentences themselves.
constexpr std::array<std::string_view, 4> kSaid = {"Warning", "Throttled", "Exhausted", "Stopped"};

template <typename Names>
bool Has(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string Line(std::string text) { return std::move(text) + "\n"; }

std::string Named(const json& object) { return NamespaceOf(object) + "/" + NameOf(object); }

// Every condition that is not as it should be, in its own words.
std::string Troubles(const json& object) {
  std::string text;
  for (const auto& each : ListAt(object, {"status", "conditions"})) {
    const auto type = TextAt(each, {"type"});
    const auto status = TextAt(each, {"status"});
    if (Has(kSaid, type)) continue;
    if (status == (Has(kWellWhenTrue, type) ? "True" : "False")) continue;
    text += Line("  ! " + type + "=" + status + " (" + TextAt(each, {"reason"}) + ") since " +
                 TextAt(each, {"lastTransitionTime"}) + ": " + TextAt(each, {"message"}));
  }
  return text;
}

struct Rung {
  std::int64_t percent;
  std::string action;
};

std::vector<Rung> RungsOf(const json& budget) {
  std::vector<Rung> rungs;
  for (const auto& each : ListAt(budget, {"spec", "thresholds"}))
    rungs.push_back({NumberAt(each, {"percent"}), TextAt(each, {"action"})});
  if (rungs.empty()) {
    for (const auto& each : api::DefaultThresholds())
      rungs.push_back({each.percent, std::string(api::ToString(each.action))});
  }
  return rungs;
}

std::string Thresholds(const json& budget) {
  const auto used = NumberAt(budget, {"status", "percentUsed"}, -1);
  std::vector<std::string> told;
  for (const auto& rung : RungsOf(budget)) {
    const auto* reached = used >= rung.percent ? " (reached)" : "";
    told.push_back(std::to_string(rung.percent) + " % " + rung.action + reached);
  }
  return Line("  Thresholds: " + Join(told) + ".");
}

// Spend against the limit, in the budget's own words where it has them.
std::string Spend(const json& budget) {
  const auto message = TextAt(ConditionOf(budget, "Throttled"), {"message"});
  if (!message.empty()) return Line("  " + message + ".");
  if (TextAt(budget, {"status", "spent"}).empty()) {
    return Line("  Spend is not known yet: the operator has written no status.");
  }
  return Line("  Spent " + TextAt(budget, {"status", "spent"}) + " of " +
              TextAt(budget, {"status", "limit"}) + ".");
}

std::string Forecast(const json& budget) {
  const auto burn = TextAt(budget, {"status", "burnPerHour"});
  if (burn.empty()) return "";
  const auto exhausts = TextAt(budget, {"status", "exhaustsAt"});
  const auto projected = TextAt(budget, {"status", "projected"});
  std::string text = "  It spent " + burn + " within an hour";
  if (!projected.empty()) text += "; going on as lately, the window ends with " + projected;
  text += exhausts.empty() ? "" : ", and the limit is reached at " + exhausts;
  return Line(text + ".");
}

std::string Dearest(const json& budget) {
  const bool subjects = !ListAt(budget, {"status", "subjects"}).empty();
  std::vector<std::string> told;
  for (const auto& each : ListAt(budget, {"status", subjects ? "subjects" : "agents"})) {
    if (told.size() == 5) break;
    told.push_back(TextAt(each, {"name"}) + " " + TextAt(each, {"spent"}) + " (" +
                   TextAt(each, {"percentUsed"}) + " %, " + TextAt(each, {"state"}) + ")");
  }
  if (told.empty()) return "";
  return Line(std::string(subjects ? "  The worst: " : "  The dearest agents: ") + Join(told) +
              ".");
}

bool Governs(const json& budget, const json& pool) {
  if (NamespaceOf(budget) != NamespaceOf(pool)) return false;
  const auto name = NameOf(budget);
  if (TextAt(pool, {"status", "governedBy"}) == name) return true;
  const auto& agents = ListAt(pool, {"status", "agents"});
  return std::any_of(agents.begin(), agents.end(),
                     [&](const json& agent) { return TextAt(agent, {"governedBy"}) == name; });
}

std::string WayOut(const json& budget) {
  const auto state = TextAt(budget, {"status", "state"});
  if (state.empty() || state == "Normal" || state == "Audit") return "";
  const auto resets = TextAt(budget, {"status", "resetsAt"});
  const auto place = " -n " + NamespaceOf(budget);
  return Line("  To go on: " + (resets.empty() ? "" : "wait for the reset at " + resets + ", or ") +
              "ask for more with kubectl purser topup " + NameOf(budget) + " AMOUNT --reason WHY" +
              place + ", or raise spec.limit.");
}

std::string BudgetPart(const json& budget) {
  std::string text =
      Line("Budget " + Named(budget) + " is " +
           (TextAt(budget, {"status", "state"}).empty() ? "not evaluated yet"
                                                        : TextAt(budget, {"status", "state"})) +
           ".");
  text += Spend(budget);
  text += Thresholds(budget);
  text += Dearest(budget);
  text += Forecast(budget);
  const auto doubt = TextAt(budget, {"status", "inDoubt"});
  if (!doubt.empty() && doubt != "0") {
    text += Line("  " + doubt + " is held in doubt and not counted, unless onDoubt is Count.");
  }
  text += Troubles(budget);
  text += WayOut(budget);
  return text;
}

std::string Done(const json& agent) {
  const auto state = TextAt(agent, {"state"});
  std::string text =
      "  - " + TextAt(agent, {"name"}) + " is " + (state.empty() ? "unknown" : state);
  const auto since = TextAt(agent, {"since"});
  if (!since.empty()) text += " since " + since;
  text += ": concurrency " + TextAt(agent, {"concurrency"}) + ", replicas " +
          TextAt(agent, {"replicas"}) + ", running pods " + TextAt(agent, {"running"});
  const auto saved = TextAt(agent, {"savedReplicas"});
  if (!saved.empty()) text += "; " + saved + " will be restored";
  const auto governor = TextAt(agent, {"governedBy"});
  if (!governor.empty()) text += "; governed by budget " + governor;
  const auto reason = TextAt(agent, {"reason"});
  if (!reason.empty()) text += "\n    because: " + reason;
  return Line(text);
}

std::string PoolPart(const json& pool) {
  const auto state = TextAt(pool, {"status", "state"});
  std::string text =
      "Pool " + Named(pool) + " is " + (state.empty() ? "not reconciled yet" : state);
  const auto most = TextAt(pool, {"status", "maxConcurrency"});
  if (!most.empty())
    text += ": " + most + " of " + TextAt(pool, {"spec", "maxConcurrency"}) + " at once";
  const auto reason = TextAt(pool, {"status", "reason"});
  if (!reason.empty()) text += ". " + reason;
  return Line(text + (text.ends_with('.') ? "" : ".")) + Troubles(pool);
}

}  // namespace

std::string ExplainBudget(const json& budget, const json& pools) {
  auto text = BudgetPart(budget);
  for (const auto& pool : pools) {
    if (!Governs(budget, pool)) continue;
    text += Line("What was done to pool " + NameOf(pool) + " (" +
                 TextAt(pool, {"status", "state"}) + "):");
    for (const auto& agent : ListAt(pool, {"status", "agents"})) text += Done(agent);
  }
  return text;
}

std::string ExplainPool(const json& pool, const json& budgets) {
  auto text = PoolPart(pool);
  for (const auto& agent : ListAt(pool, {"status", "agents"})) text += Done(agent);
  for (const auto& budget : budgets)
    if (Governs(budget, pool)) text += BudgetPart(budget);
  return text;
}

Result<std::string> ExplainAgent(std::string_view agent, const json& pools, const json& budgets) {
  std::set<std::string> names;
  std::string text;
  for (const auto& pool : pools) {
    for (const auto& each : ListAt(pool, {"status", "agents"})) {
      const auto name = TextAt(each, {"name"});
      names.insert(name);
      if (name != agent) continue;
      text += PoolPart(pool) + Done(each);
      const auto governor = TextAt(each, {"governedBy"});
      for (const auto& budget : budgets)
        if (NameOf(budget) == governor) text += BudgetPart(budget);
    }
  }
  if (!text.empty()) return text;
  const std::vector<std::string> known(names.begin(), names.end());
  return Error(ErrorCode::kNotFound, "no pool of this namespace has an agent " +
                                         api::Quoted(agent) +
                                         "; there are: " + (known.empty() ? "none" : Join(known)));
}

}  // namespace purser::plugin
