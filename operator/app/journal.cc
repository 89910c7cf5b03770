#include "app/journal.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "api/config.h"
#include "api/text_form.h"
#include "app/config_file.h"
#include "base/time_text.h"
#include "ledger/sqlite/sqlite_store.h"

namespace purser::app {
namespace {

using ledger::HeldState;
using ledger::JournalEntry;

struct NamespacedName {
  std::string ns;
  std::string name;
};

Result<NamespacedName> ParseNamespacedName(std::string_view option, const std::string& text) {
  const auto slash = text.find('/');
  if (slash == 0 || slash == std::string::npos || slash + 1 == text.size() ||
      text.find('/', slash + 1) != std::string::npos) {
    return Error(ErrorCode::kInvalidArgument,
                 std::string(option) + " " + api::Quoted(text) + ": want NAMESPACE/NAME");
  }
  return NamespacedName{text.substr(0, slash), text.substr(slash + 1)};
}

Result<Timestamp> ParseSince(const std::string& text, Timestamp now) {
  if (const auto at = ParseRfc3339(text)) return *at;
  if (const auto before = api::ParseDuration(text)) return now - *before;
  return Error(ErrorCode::kInvalidArgument,
               "--since " + api::Quoted(text) +
                   ": want a time such as 2026-11-27T10:00:00Z, or how long ago, such as 2h or "
                   "1h30m");
}

// The namespace that all options name.
Status NarrowTo(const std::string& ns, std::string_view option, ledger::JournalFilter& filter) {
  if (filter.ns.empty() || filter.ns == ns) {
    filter.ns = ns;
    return Ok();
  }
  return Error(ErrorCode::kInvalidArgument,
               std::string(option) + " names namespace " + api::Quoted(ns) + ", another option " +
                   api::Quoted(filter.ns) + ": ask for one namespace at a time");
}

std::string Count(std::int64_t number, std::string_view one, std::string_view many) {
  return std::to_string(number) + " " + std::string(number == 1 || number == -1 ? one : many);
}

std::string EstimateText(const Amounts& amounts) {
  if (amounts.estimated == Money()) return "";
  if (amounts.estimated == amounts.cost) return " (estimated)";
  return " (" + amounts.estimated.ToDecimal() + " of it estimated)";
}

std::string AmountText(const Amounts& amounts) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (amounts.cost != Money()) {
    const std::string decimal = amounts.cost.ToDecimal();
    add((decimal.front() == '-' ? "-$" + decimal.substr(1) : "$" + decimal) +
        EstimateText(amounts));
  }
  if (amounts.calls != 0) add(Count(amounts.calls, "call", "calls"));
  if (amounts.failed_calls != 0) add(std::to_string(amounts.failed_calls) + " failed");
  if (amounts.input_tokens != 0) add(std::to_string(amounts.input_tokens) + " input tokens");
  if (amounts.output_tokens != 0) add(std::to_string(amounts.output_tokens) + " output tokens");
  if (amounts.cached_tokens != 0) add(std::to_string(amounts.cached_tokens) + " cached");
  if (amounts.reasoning_tokens != 0) add(std::to_string(amounts.reasoning_tokens) + " reasoning");
  if (amounts.latency_ms != 0) add(std::to_string(amounts.latency_ms) + " ms");
  return text.empty() ? "-" : text;
}

std::string AgentText(const JournalEntry& entry) {
  if (entry.key.ns.empty() && entry.key.agent.empty()) return "(source " + entry.key.source + ")";
  return entry.key.ns + "/" + (entry.key.agent.empty() ? "-" : entry.key.agent);
}

std::string KindText(const JournalEntry& entry) {
  std::string kind(ToString(entry.kind));
  if (entry.held != HeldState::kNone) kind += " (" + std::string(ToString(entry.held)) + ")";
  return kind;
}

std::string ReasonText(const JournalEntry& entry) {
  std::string text = entry.reason;
  if (!entry.from.empty() || !entry.to.empty()) {
    text += (text.empty() ? "" : " ") + std::string("[") + (entry.from.empty() ? "?" : entry.from) +
            " -> " + (entry.to.empty() ? "?" : entry.to) + "]";
  }
  if (!entry.by.empty()) text += " (by " + entry.by + ")";
  return text;
}

// The way out of being held: a manifest to apply.
std::string Decision(const JournalEntry& entry) {
  const std::string id = std::to_string(entry.id);
  return "  held as " + id +
         ", to decide it apply: {apiVersion: purser.dev/v1alpha1, kind: SpendCorrection, metadata: "
         "{name: doubt-" +
         id + ", namespace: " + entry.key.ns + "}, spec: {doubt: " + id +
         ", decision: Accept, reason: \"...\"}} (or Reject)\n";
}

nlohmann::ordered_json AmountJson(const Amounts& amounts) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (amounts.cost != Money()) json["cost"] = amounts.cost.ToDecimal();
  if (amounts.estimated != Money()) json["estimated"] = amounts.estimated.ToDecimal();
  const std::array<std::pair<const char*, std::int64_t>, 7> counts = {{
      {"calls", amounts.calls},
      {"failedCalls", amounts.failed_calls},
      {"inputTokens", amounts.input_tokens},
      {"outputTokens", amounts.output_tokens},
      {"cachedTokens", amounts.cached_tokens},
      {"reasoningTokens", amounts.reasoning_tokens},
      {"latencyMilliseconds", amounts.latency_ms},
  }};
  for (const auto& [name, count] : counts) {
    if (count != 0) json[name] = count;
  }
  return json;
}

nlohmann::ordered_json EntryJson(const JournalEntry& entry) {
  nlohmann::ordered_json json;
  json["id"] = entry.id;
  json["kind"] = ToString(entry.kind);
  json["at"] = FormatUtcMillis(entry.at);
  json["recorded"] = FormatUtcMillis(entry.recorded);
  json["source"] = entry.key.source;
  const auto add = [&](const char* name, std::string_view text) {
    if (!text.empty()) json[name] = text;
  };
  add("namespace", entry.key.ns);
  add("agent", entry.key.agent);
  add("model", entry.key.model);
  add("task", entry.key.task);
  add("workflow", entry.key.workflow);
  add("series", entry.series);
  add("from", entry.from);
  add("to", entry.to);
  json["amount"] = AmountJson(entry.amount);
  add("reason", entry.reason);
  add("held", ToString(entry.held));
  add("by", entry.by);
  add("origin", entry.origin);
  return json;
}

}  // namespace

Result<ledger::JournalFilter> JournalFilterOf(const JournalOptions& options, Timestamp now) {
  ledger::JournalFilter filter;
  filter.most = options.most;
  if (options.output != "text" && options.output != "json") {
    return Error(ErrorCode::kInvalidArgument,
                 "--output " + api::Quoted(options.output) + ": want text or json");
  }
  if (!options.budget.empty()) {
    const auto budget = ParseNamespacedName("--budget", options.budget);
    if (!budget) return budget.error();
    filter.ns = budget->ns;
  }
  for (const auto& text : options.agents) {
    auto agent = ParseNamespacedName("--agent", text);
    if (!agent) return agent.error();
    PURSER_RETURN_IF_ERROR(NarrowTo(agent->ns, "--agent", filter));
    filter.agents.push_back(std::move(agent->name));
  }
  if (!options.since.empty()) {
    const auto since = ParseSince(options.since, now);
    if (!since) return since.error();
    filter.since = *since;
  }
  if (options.held) filter.held = HeldState::kHeld;
  return filter;
}

std::string JournalText(const std::vector<JournalEntry>& entries) {
  constexpr std::size_t kColumns = 6;
  using Row = std::array<std::string, kColumns>;
  std::vector<Row> rows = {{"TIME", "KIND", "AGENT", "AMOUNT", "SERIES", "REASON"}};
  for (const auto& entry : entries) {
    rows.push_back({FormatUtc(entry.at), KindText(entry), api::Visible(AgentText(entry)),
                    AmountText(entry.amount),
                    entry.series.empty() ? "-" : api::Visible(entry.series),
                    api::Visible(ReasonText(entry))});
  }
  std::array<std::size_t, kColumns> widths{};
  // One long series must not push every reason out of sight.
  constexpr std::size_t kWidest = 60;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < kColumns; ++i)
      widths[i] = std::min(std::max(widths[i], row[i].size()), kWidest);
  }
  std::string text;
  for (std::size_t n = 0; n < rows.size(); ++n) {
    for (std::size_t i = 0; i + 1 < kColumns; ++i) {
      text += rows[n][i];
      text.append(widths[i] - std::min(widths[i], rows[n][i].size()) + 2, ' ');
    }
    text += rows[n][kColumns - 1];
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
    if (n > 0 && entries[n - 1].held == HeldState::kHeld) text += Decision(entries[n - 1]);
  }
  return text;
}

std::string JournalLines(const std::vector<JournalEntry>& entries) {
  std::string text;
  for (const auto& entry : entries) {
    // Names may hold any bytes: what is no UTF-8 is replaced.
    text += EntryJson(entry).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    text += '\n';
  }
  return text;
}

Result<JournalOutput> ReadJournal(const JournalOptions& options, Timestamp now) {
  const auto filter = JournalFilterOf(options, now);
  if (!filter) return filter.error();
  const auto config_text = ReadConfig(options.config_file);
  if (!config_text) return config_text.error();
  const auto config = api::ParseOperatorConfig(*config_text, options.config_file);
  if (!config) return config.error();
  const auto entries = ledger::ReadSqliteJournal(config->store.path, *filter);
  if (!entries) return entries.error().WithContext("store.path " + config->store.path);

  JournalOutput output;
  if (!options.budget.empty() && options.agents.empty()) {
    output.notes += "the journal knows agents, not budgets: these are all entries of namespace " +
                    filter->ns + "; add --agent to narrow them\n";
  }
  if (entries->size() >= filter->most) {
    output.notes += "only the newest " + std::to_string(filter->most) +
                    " entries: narrow with --since or --agent, or raise --limit\n";
  }
  if (options.output == "json") {
    output.text = JournalLines(*entries);
  } else if (entries->empty()) {
    output.notes += options.held ? "nothing is held\n" : "no entries\n";
  } else {
    output.text = JournalText(*entries);
  }
  return output;
}

}  // namespace purser::app
