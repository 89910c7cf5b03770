#include "plugin/overview.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "plugin/field.h"

namespace purser::plugin {
namespace {

using nlohmann::json;

void Add(Table& table, const json& object, bool ns, Row cells) {
  if (ns) cells.insert(cells.begin(), NamespaceOf(object));
  table.rows.push_back(std::move(cells));
}

Row Header(bool ns, Row titles) {
  if (ns) titles.insert(titles.begin(), "NAMESPACE");
  return titles;
}

std::string Percent(const json& object, Path path) {
  const auto text = TextAt(object, path);
  return text.empty() ? "" : text + " %";
}

// Amounts are ordered here and no more: nothing is decided by it.
double Amount(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

struct AgentRow {
  const json* pool = nullptr;
  Row cells;
  double burn = 0;
  double spent = 0;
};

// What a budget tells of one agent.
struct Told {
  const json* budget;
  const json* agent;
};

std::multimap<std::pair<std::string, std::string>, Told> ToldOf(const json& budgets) {
  std::multimap<std::pair<std::string, std::string>, Told> told;
  for (const auto& budget : budgets) {
    const bool per_agent = TextAt(budget, {"spec", "scope", "per"}) == "Agent";
    const auto& listed = ListAt(budget, {"status", per_agent ? "subjects" : "agents"});
    for (const auto& agent : listed)
      told.emplace(std::pair(NamespaceOf(budget), TextAt(agent, {"name"})), Told{&budget, &agent});
  }
  return told;
}

AgentRow RowOf(const json& pool, const json& agent, const Told* told) {
  AgentRow row{&pool, {}, 0, 0};
  row.cells = {TextAt(agent, {"name"}), NameOf(pool), TextAt(agent, {"state"}),
               TextAt(agent, {"concurrency"}), TextAt(agent, {"running"})};
  std::string budget, spent, limit, used, burn;
  if (told != nullptr) {
    budget = NameOf(*told->budget);
    spent = TextAt(*told->agent, {"spent"});
    limit = TextAt(*told->agent, {"limit"});
    if (limit.empty()) limit = TextAt(*told->budget, {"status", "limit"});
    used = Percent(*told->agent, {"percentUsed"});
    burn = TextAt(*told->agent, {"burnPerHour"});
    row.burn = Amount(burn);
    row.spent = Amount(spent);
  }
  row.cells.insert(row.cells.end(), {budget, spent, limit, used, burn});
  return row;
}

struct Request {
  std::string kind;
  const json* object;
};

std::string Asked(const json& object, const std::string& kind) {
  if (kind == "override") {
    const auto set = TextAt(object, {"spec", "set"});
    const auto agent = TextAt(object, {"spec", "agent"});
    return TextAt(object, {"spec", "budget"}) + (agent.empty() ? "" : " for " + agent) +
           (set.empty() ? ": " + TextAt(object, {"spec", "add"}) + " more" : ": limit " + set);
  }
  const auto doubt = TextAt(object, {"spec", "doubt"});
  if (!doubt.empty()) return TextAt(object, {"spec", "decision"}) + " doubt " + doubt;
  return TextAt(object, {"spec", "agent"}) + ": " + TextAt(object, {"spec", "amount"}) + " at " +
         TextAt(object, {"spec", "at"});
}

std::string Until(const json& object, const std::string& kind) {
  if (kind != "override") return "";
  const auto until = TextAt(object, {"status", "until"});
  if (!until.empty()) return until;
  const auto at = TextAt(object, {"spec", "expires", "at"});
  return at.empty() ? "the next reset" : at;
}

}  // namespace

Table PoolTable(const json& pools, bool ns, bool wide) {
  Table table{Header(ns, {"POOL", "STATE", "AGENTS", "CONCURRENCY", "BUDGET"}), {}};
  if (wide) table.header.emplace_back("REASON");
  for (const auto& pool : pools) {
    const auto most = TextAt(pool, {"spec", "maxConcurrency"});
    const auto now = TextAt(pool, {"status", "maxConcurrency"});
    Row cells{NameOf(pool), TextAt(pool, {"status", "state"}),
              TextAt(pool, {"status", "agentCount"}), now.empty() ? "" : now + " of " + most,
              TextAt(pool, {"status", "governedBy"})};
    if (wide) cells.push_back(TextAt(pool, {"status", "reason"}));
    Add(table, pool, ns, std::move(cells));
  }
  return table;
}

Table BudgetTable(const json& budgets, bool ns, bool wide) {
  Table table{
      Header(ns, {"BUDGET", "STATE", "SPENT", "LIMIT", "USED", "RESETS", "EXHAUSTS", "SUBJECTS"}),
      {}};
  if (wide) {
    table.header.insert(table.header.end(),
                        {"UNIT", "PER", "MODE", "BURN/H", "PROJECTED", "IN DOUBT"});
  }
  for (const auto& budget : budgets) {
    Row cells{NameOf(budget),
              TextAt(budget, {"status", "state"}),
              TextAt(budget, {"status", "spent"}),
              TextAt(budget, {"status", "limit"}),
              Percent(budget, {"status", "percentUsed"}),
              TextAt(budget, {"status", "resetsAt"}),
              TextAt(budget, {"status", "exhaustsAt"}),
              TextAt(budget, {"status", "summary"})};
    if (wide) {
      cells.insert(
          cells.end(),
          {TextAt(budget, {"spec", "unit"}), TextAt(budget, {"spec", "scope", "per"}),
           TextAt(budget, {"spec", "mode"}), TextAt(budget, {"status", "burnPerHour"}),
           TextAt(budget, {"status", "projected"}), TextAt(budget, {"status", "inDoubt"})});
    }
    Add(table, budget, ns, std::move(cells));
  }
  return table;
}

Table AgentTable(const json& pools, const json& budgets, bool ns) {
  const auto told = ToldOf(budgets);
  std::vector<AgentRow> rows;
  for (const auto& pool : pools) {
    for (const auto& agent : ListAt(pool, {"status", "agents"})) {
      const auto [first, last] = told.equal_range({NamespaceOf(pool), TextAt(agent, {"name"})});
      if (first == last) rows.push_back(RowOf(pool, agent, nullptr));
      for (auto each = first; each != last; ++each)
        rows.push_back(RowOf(pool, agent, &each->second));
    }
  }
  std::stable_sort(rows.begin(), rows.end(), [](const AgentRow& a, const AgentRow& b) {
    return std::tie(a.burn, a.spent) > std::tie(b.burn, b.spent);
  });
  Table table{Header(ns, {"AGENT", "POOL", "STATE", "CONCURRENCY", "RUNNING", "BUDGET", "SPENT",
                          "LIMIT", "USED", "BURN/H"}),
              {}};
  for (auto& row : rows) Add(table, *row.pool, ns, std::move(row.cells));
  return table;
}

Table RequestTable(const json& overrides, const json& corrections, bool ns, bool all) {
  std::vector<Request> requests;
  for (const auto& each : overrides) requests.push_back({"override", &each});
  for (const auto& each : corrections) requests.push_back({"correction", &each});
  Table table{Header(ns, {"NAME", "STATE", "ASKED", "BY", "UNTIL", "REASON"}), {}};
  for (const auto& [kind, object] : requests) {
    const auto state = TextAt(*object, {"status", "state"});
    if (!all && !state.empty() && state != "Requested") continue;
    Add(table, *object, ns,
        {kind + "/" + NameOf(*object), state.empty() ? "Requested" : state, Asked(*object, kind),
         TextAt(*object, {"metadata", "annotations", "purser.dev/requested-by"}),
         Until(*object, kind), TextAt(*object, {"spec", "reason"})});
  }
  return table;
}

}  // namespace purser::plugin
