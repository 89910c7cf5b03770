#include "backtest/usage_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "api/text_form.h"
#include "base/time_text.h"

namespace purser::backtest {
namespace {

using nlohmann::json;

struct Place {
  std::string_view file;
  std::size_t line;
};

Error Wrong(const Place& place, std::string_view field, const std::string& value,
            std::string_view want) {
  return Error(ErrorCode::kInvalidArgument,
               std::string(place.file) + ":" + std::to_string(place.line) + ": " +
                   std::string(field) + ": " + api::Quoted(value) + ", want " + std::string(want));
}

// The text of a field; nothing where it is absent, null or empty.
using Field = std::function<std::optional<std::string>(std::string_view name)>;

std::optional<std::int64_t> WholeNumber(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

Result<Timestamp> TimeOf(const Place& place, const std::string& text) {
  if (const auto at = ParseRfc3339(text)) return *at;
  constexpr std::int64_t kYear2200 = 7'258'118'400'000;
  if (const auto millis = WholeNumber(text); millis && *millis < kYear2200)
    return Timestamp(Duration(*millis));
  return Wrong(place, "time", text, "2026-11-27T10:00:00Z or milliseconds since 1970");
}

Result<Call> CallOf(const Field& field, const Place& place, const std::string& ns) {
  Call call;
  call.key.source = "default";
  const auto time = field("time");
  if (!time) return Wrong(place, "time", "", "when the call was made");
  const auto at = TimeOf(place, *time);
  if (!at) return at.error();
  call.at = *at;
  call.key.agent = field("agent").value_or("");
  if (call.key.agent.empty()) return Wrong(place, "agent", "", "who made the call");
  call.key.ns = field("namespace").value_or(ns);
  call.key.model = field("model").value_or("");
  call.key.task = field("task").value_or("");
  call.key.workflow = field("workflow").value_or("");
  for (const auto* name :
       {&call.key.agent, &call.key.ns, &call.key.model, &call.key.task, &call.key.workflow}) {
    if (name->size() > ledger::kLongestName)
      return Wrong(place, "name", *name, "at most 256 bytes");
  }
  if (const auto cost = field("costUSD")) {
    const auto money = Money::ParseSample(*cost);
    if (!money || *money < Money()) return Wrong(place, "costUSD", *cost, "dollars, not below 0");
    call.amounts.cost = *money;
  }
  constexpr std::array<std::pair<std::string_view, std::int64_t Amounts::*>, 5> kCounts = {{
      {"inputTokens", &Amounts::input_tokens},
      {"outputTokens", &Amounts::output_tokens},
      {"cachedTokens", &Amounts::cached_tokens},
      {"reasoningTokens", &Amounts::reasoning_tokens},
      {"latencyMs", &Amounts::latency_ms},
  }};
  for (const auto& [name, member] : kCounts) {
    const auto text = field(name);
    if (!text) continue;
    const auto count = WholeNumber(*text);
    if (!count) return Wrong(place, name, *text, "a whole number, not below 0");
    call.amounts.*member = *count;
  }
  call.amounts.calls = 1;
  call.amounts.failed_calls = field("outcome").value_or("") == "Failure" ? 1 : 0;
  return call;
}

Result<Call> CallOfJson(const json& record, const Place& place, const std::string& ns) {
  if (!record.is_object()) return Wrong(place, "record", record.dump(), "an object");
  return CallOf(
      [&](std::string_view name) -> std::optional<std::string> {
        const auto found = record.find(name);
        if (found == record.end() || found->is_null()) return std::nullopt;
        auto text = found->is_string() ? found->get<std::string>() : found->dump();
        return text.empty() ? std::nullopt : std::optional(std::move(text));
      },
      place, ns);
}

// The cells of one line; a cell in quotes may hold commas, and quotes that are doubled.
std::vector<std::string> CellsOf(std::string_view line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      cells.back() += line[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += c;
    }
  }
  return cells;
}

// Calls on_line(line, number) for each that is not blank.
Status ForEachLine(
    std::string_view text,
    const std::function<Status(std::string_view line, std::size_t number)>& on_line) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    PURSER_RETURN_IF_ERROR(on_line(line, number));
  }
  return Ok();
}

Status Keep(Result<Call> call, const Place& place, std::vector<Call>& calls) {
  if (!call) return call.error();
  if (calls.size() == kMostCalls) {
    return Error(ErrorCode::kResourceExhausted, std::string(place.file) + ": more than " +
                                                    std::to_string(kMostCalls) +
                                                    " calls: replay a shorter time");
  }
  calls.push_back(std::move(*call));
  return Ok();
}

Status ReadArray(std::string_view text, std::string_view file, const std::string& ns,
                 std::vector<Call>& calls) {
  const auto records = json::parse(text, nullptr, false);
  if (!records.is_array()) return Wrong({file, 1}, "file", "[", "a JSON array of records");
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Place place{file, i + 1};  // a record's number stands for its line
    PURSER_RETURN_IF_ERROR(Keep(CallOfJson(records[i], place, ns), place, calls));
  }
  return Ok();
}

Status ReadLines(std::string_view text, std::string_view file, const std::string& ns,
                 std::vector<Call>& calls) {
  return ForEachLine(text, [&](std::string_view line, std::size_t number) -> Status {
    const Place place{file, number};
    const auto record = json::parse(line, nullptr, false);
    if (record.is_discarded()) return Wrong(place, "record", std::string(line), "JSON");
    return Keep(CallOfJson(record, place, ns), place, calls);
  });
}

Status ReadCsv(std::string_view text, std::string_view file, const std::string& ns,
               std::vector<Call>& calls) {
  std::vector<std::string> header;
  return ForEachLine(text, [&](std::string_view line, std::size_t number) -> Status {
    const auto cells = CellsOf(line);
    if (header.empty()) {
      header = cells;
      return Ok();
    }
    const Place place{file, number};
    if (cells.size() != header.size()) {
      return Wrong(place, "line", std::string(line), std::to_string(header.size()) + " cells");
    }
    const auto field = [&](std::string_view name) -> std::optional<std::string> {
      const auto found = std::find(header.begin(), header.end(), name);
      if (found == header.end()) return std::nullopt;
      const auto& cell = cells[static_cast<std::size_t>(found - header.begin())];
      return cell.empty() ? std::nullopt : std::optional(cell);
    };
    return Keep(CallOf(field, place, ns), place, calls);
  });
}

}  // namespace

Result<std::vector<Call>> ReadUsage(std::string_view text, std::string_view file,
                                    const std::string& ns) {
  std::vector<Call> calls;
  const auto first = text.find_first_not_of(" \t\r\n");
  const char begins = first == std::string_view::npos ? '\0' : text[first];
  const auto read = begins == '[' ? ReadArray : begins == '{' ? ReadLines : ReadCsv;
  PURSER_RETURN_IF_ERROR(read(text, file, ns, calls));
  if (calls.empty()) return Wrong({file, 1}, "file", "", "at least one call");
  std::stable_sort(calls.begin(), calls.end(),
                   [](const Call& a, const Call& b) { return a.at < b.at; });
  return calls;
}

}  // namespace purser::backtest
