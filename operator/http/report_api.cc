#include "http/report_api.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/time_text.h"
#include "http/problem.h"
#include "ledger/ledger.h"

namespace purser::http {
namespace {

using nlohmann::ordered_json;

const Right kGetReports{"get", "agentreports"};
constexpr std::size_t kMostNames = 100;
constexpr std::size_t kMostCalls = 1'000;

struct Asked {
  bool both = false;  // rows say whether they are explained by records
  ledger::ReportQuery query;
  bool by_pool = false;
  std::string pool;
  bool csv = false;
};

Error Wrong(const std::string& field, const std::string& what) {
  return Error(ErrorCode::kInvalidArgument, field + ": " + what);
}

std::vector<std::string> Names(const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t from = 0; from < text.size() && names.size() < kMostNames;) {
    const auto to = std::min(text.find(',', from), text.size());
    if (to > from) names.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return names;
}

Result<std::optional<Timestamp>> TimeOf(const Request& request, const char* name) {
  const auto& text = request.Query(name);
  if (text.empty()) return std::optional<Timestamp>();
  const auto time = ParseRfc3339(text);
  if (!time || time->time_since_epoch() < Duration::zero())
    return Wrong(name, "want RFC 3339, such as 2026-11-27T00:00:00Z");
  return time;
}

std::vector<std::string> NamespacesOf(const Request& request) {
  auto names = Names(request.Query("namespace"));
  if (names.empty() && !request.caller->home().empty()) names = {request.caller->home()};
  return names;
}

Status ReadBy(const std::string& text, Asked& asked) {
  auto& by = asked.query.by;
  for (const auto& name : Names(text)) {
    if (name == "source") {
      by.source = true;
    } else if (name == "namespace") {
      by.ns = true;
    } else if (name == "agent") {
      by.agent = true;
    } else if (name == "pool") {
      asked.by_pool = true;
    } else if (name == "model") {
      by.model = true;
    } else if (name == "task") {
      by.task = true;
    } else if (name == "workflow") {
      by.workflow = true;
    } else if (name == "hour" && by.minutes == 0) {
      by.minutes = 60;
    } else if (name == "day" && by.minutes == 0) {
      by.minutes = 24 * 60;
    } else if (name == "week" && by.minutes == 0) {
      by.minutes = 7 * 24 * 60;
    } else {
      return Wrong("by", "\"" + name.substr(0, 40) +
                             "\" is none of source, namespace, pool, agent, model, task, workflow "
                             "and one of hour, day, week");
    }
  }
  return Ok();
}

Result<Asked> Read(const Request& request, Timestamp now) {
  Asked asked;
  auto& query = asked.query;
  query.namespaces = NamespacesOf(request);
  if (query.namespaces.empty())
    return Wrong("namespace", "is required; the caller has none of its own");
  PURSER_RETURN_IF_ERROR(ReadBy(request.Query("by"), asked));
  query.source = request.Query("source");
  query.agents = Names(request.Query("agent"));
  query.models = Names(request.Query("model"));
  query.tasks = Names(request.Query("task"));
  query.workflows = Names(request.Query("workflow"));
  asked.pool = request.Query("pool");
  const auto from = TimeOf(request, "from");
  if (!from) return from.error();
  const auto to = TimeOf(request, "to");
  if (!to) return to.error();
  query.end = to->value_or(now + std::chrono::minutes(1));
  query.start = from->value_or(query.end - std::chrono::hours(24));
  if (query.start >= query.end) return Wrong("from", "is not before to");
  const auto& format = request.Query("format");
  if (!format.empty() && format != "json" && format != "csv")
    return Wrong("format", "want json or csv");
  asked.csv = format == "csv";
  return asked;
}

struct Row {
  std::string pool;
  ledger::ReportRow row;
  bool unexplained = false;  // of a counter, and in no record
};

// What counters of sources with two meters told beyond their records, by agent and period.
Result<std::vector<ledger::ReportRow>> Unexplained(const ReportSources& sources,
                                                   const ledger::ReportQuery& asked) {
  std::vector<ledger::ReportRow> rest;
  // A counter may not know tasks and workflows: of one it would always be the whole.
  if (!asked.tasks.empty() || !asked.workflows.empty()) return rest;
  for (const auto& source : sources.both) {
    if (!asked.source.empty() && asked.source != source) continue;
    auto query = asked;
    query.but_sources.clear();
    query.by = {.ns = true, .agent = true, .minutes = asked.by.minutes};
    query.source = source;
    auto meter = sources.reports.Report(query);
    if (!meter) return meter.error();
    query.source = ledger::RecordsOf(source);
    const auto records = sources.reports.Report(query);
    if (!records) return records.error();
    std::map<std::pair<ledger::SpendKey, Timestamp>, Amounts> recorded;
    for (const auto& row : *records) recorded[{row.key, row.period}] = row.spent;
    std::map<std::pair<ledger::SpendKey, Timestamp>, ledger::ReportRow> rows;
    for (auto& row : *meter) {
      const auto spent = NotBelowZero(row.spent - recorded[{row.key, row.period}]);
      if (spent.cost <= Money() && spent.calls <= 0) continue;
      ledger::SpendKey key;
      if (asked.by.source) key.source = source;
      if (asked.by.ns) key.ns = row.key.ns;
      if (asked.by.agent) key.agent = row.key.agent;
      auto& into = rows.try_emplace({key, row.period}, ledger::ReportRow{key, row.period, {}, 0, 0})
                       .first->second;
      into.spent += spent;
    }
    for (auto& [place, row] : rows) rest.push_back(std::move(row));
  }
  return rest;
}

// The ledger knows agents, the cluster their pools: rows of a pool's agents become one.
std::vector<Row> ByPool(std::vector<ledger::ReportRow> rows, const Asked& asked,
                        const ReportSources& sources, bool unexplained) {
  std::map<std::tuple<std::string, ledger::SpendKey, Timestamp>, Row> joined;
  for (auto& row : rows) {
    const std::string pool = sources.pool_of(row.key.ns, row.key.agent);
    if (!asked.pool.empty() && pool != asked.pool) continue;
    if (!asked.query.by.agent) row.key.agent.clear();
    if (!asked.query.by.ns) row.key.ns.clear();
    const std::string shown = asked.by_pool ? pool : "";
    const auto [place, fresh] =
        joined.try_emplace({shown, row.key, row.period}, Row{shown, row, unexplained});
    if (fresh) continue;
    auto& into = place->second.row;
    into.spent += row.spent;
    into.tasks += row.tasks;
    into.tasks_without_failure += row.tasks_without_failure;
  }
  std::vector<Row> result;
  result.reserve(joined.size());
  for (auto& [key, row] : joined) result.push_back(std::move(row));
  return result;
}

std::string Share(Money money, std::int64_t count) {
  return count > 0 ? Money::FromNanos(money.nanos() / count).ToDecimal() : "";
}

// Names of columns and their values, in order; numbers are JSON numbers, money is text.
std::vector<std::pair<std::string, ordered_json>> Columns(const Row& one, const Asked& asked) {
  const auto& [key, period, spent, tasks, done] = one.row;
  const auto& by = asked.query.by;
  std::vector<std::pair<std::string, ordered_json>> columns;
  if (by.minutes != 0) columns.emplace_back("period", FormatUtc(period));
  if (by.source) columns.emplace_back("source", key.source);
  if (by.ns) columns.emplace_back("namespace", key.ns);
  if (asked.by_pool) columns.emplace_back("pool", one.pool);
  if (by.agent) columns.emplace_back("agent", key.agent);
  if (by.model) columns.emplace_back("model", key.model);
  if (by.task) columns.emplace_back("task", key.task);
  if (by.workflow) columns.emplace_back("workflow", key.workflow);
  if (asked.both) columns.emplace_back("unexplained", one.unexplained);
  columns.emplace_back("spentUSD", spent.cost.ToDecimal());
  columns.emplace_back("calls", spent.calls);
  columns.emplace_back("failures", spent.failed_calls);
  columns.emplace_back("inputTokens", spent.input_tokens);
  columns.emplace_back("outputTokens", spent.output_tokens);
  columns.emplace_back("cachedTokens", spent.cached_tokens);
  columns.emplace_back("reasoningTokens", spent.reasoning_tokens);
  columns.emplace_back("meanLatencyMs", spent.calls > 0 ? spent.latency_ms / spent.calls : 0);
  columns.emplace_back("costPerCallUSD", Share(spent.cost, spent.calls));
  columns.emplace_back("tasks", tasks);
  columns.emplace_back("tasksWithoutFailure", done);
  columns.emplace_back("costPerTaskUSD", Share(spent.cost, tasks));
  columns.emplace_back("costPerSuccessfulTaskUSD", Share(spent.cost, done));
  return columns;
}

// Quoted where needed; what a spreadsheet would take for a formula is text.
std::string Cell(const ordered_json& value) {
  std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  if (value.is_string() && !text.empty() &&
      std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos)
    text.insert(0, "'");
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

net::Answer AnswerOf(const std::vector<Row>& rows, const Asked& asked) {
  if (asked.csv) {
    std::string heads, lines;
    for (const auto& [name, value] : Columns(Row{}, asked))
      heads += (heads.empty() ? "" : ",") + name;
    for (const auto& row : rows) {
      std::string line;
      for (const auto& [name, value] : Columns(row, asked))
        line += (line.empty() ? "" : ",") + Cell(value);
      lines += line + "\r\n";
    }
    return {200, "text/csv; charset=utf-8", heads + "\r\n" + lines};
  }
  ordered_json document{{"from", FormatUtc(asked.query.start)},
                        {"to", FormatUtc(asked.query.end)},
                        {"rows", ordered_json::array()}};
  for (const auto& row : rows) {
    ordered_json object;
    for (auto& [name, value] : Columns(row, asked)) object[name] = std::move(value);
    document["rows"].push_back(std::move(object));
  }
  return {200, "application/json",
          document.dump(-1, ' ', false, ordered_json::error_handler_t::replace)};
}

net::Answer Refusal(const Error& error) {
  return error.code() == ErrorCode::kResourceExhausted ? Problem(413, error.message())
                                                       : ProblemOf(error);
}

void Report(const ReportSources& sources, Asked asked, const Reply& reply) {
  auto query = asked.query;
  const bool pools = asked.by_pool || !asked.pool.empty();
  if (pools) query.by.ns = query.by.agent = true;
  asked.both =
      sources.both.contains(query.source) || (query.source.empty() && !sources.both.empty());
  auto rest = Unexplained(sources, query);
  if (!rest) return reply->Send(Refusal(rest.error()));
  if (sources.both.contains(query.source)) {
    query.source = ledger::RecordsOf(query.source);
  } else {
    query.but_sources.assign(sources.both.begin(), sources.both.end());
  }
  auto rows = sources.reports.Report(query);
  if (!rows) return reply->Send(Refusal(rows.error()));
  for (auto& row : *rows) {
    // People know the source by its own name.
    for (const auto& source : sources.both) {
      if (row.key.source == ledger::RecordsOf(source)) row.key.source = source;
    }
  }
  std::vector<Row> shown;
  if (pools) {
    shown = ByPool(std::move(*rows), asked, sources, false);
    for (auto& row : ByPool(std::move(*rest), asked, sources, true))
      shown.push_back(std::move(row));
  } else {
    for (auto& row : *rows) shown.push_back({"", std::move(row)});
    for (auto& row : *rest) shown.push_back({"", std::move(row), true});
  }
  reply->Send(AnswerOf(shown, asked));
}

const char* TextOf(ledger::Outcome outcome) {
  switch (outcome) {
    case ledger::Outcome::kFailure:
      return "Failure";
    case ledger::Outcome::kRetry:
      return "Retry";
    case ledger::Outcome::kSuccess:
      break;
  }
  return "Success";
}

Result<ledger::CallFilter> ReadCalls(const Request& request) {
  ledger::CallFilter filter;
  const auto namespaces = NamespacesOf(request);
  if (namespaces.size() != 1 || namespaces.front() == kEveryNamespace)
    return Wrong("namespace", "want one");
  filter.ns = namespaces.front();
  filter.source = request.Query("source").empty() ? "default" : request.Query("source");
  filter.agent = request.Query("agent");
  filter.task = request.Query("task");
  filter.workflow = request.Query("workflow");
  const auto from = TimeOf(request, "from");
  if (!from) return from.error();
  const auto to = TimeOf(request, "to");
  if (!to) return to.error();
  filter.since = *from;
  filter.until = *to;
  if (const auto& most = request.Query("limit"); !most.empty()) {
    const auto [end, error] = std::from_chars(most.data(), most.data() + most.size(), filter.most);
    if (error != std::errc() || end != most.data() + most.size() || filter.most == 0 ||
        filter.most > kMostCalls)
      return Wrong("limit", "want 1 to " + std::to_string(kMostCalls));
  }
  return filter;
}

void Calls(const ReportSources& sources, ledger::CallFilter filter, const Reply& reply) {
  if (sources.both.contains(filter.source)) filter.source = ledger::RecordsOf(filter.source);
  const auto calls = sources.calls.Calls(filter);
  if (!calls) return reply->Send(ProblemOf(calls.error()));
  ordered_json document{{"calls", ordered_json::array()}};
  for (const auto& call : *calls) {
    const auto& amounts = call.amounts;
    document["calls"].push_back({{"id", call.id},
                                 {"time", FormatUtcMillis(call.at)},
                                 {"namespace", call.key.ns},
                                 {"agent", call.key.agent},
                                 {"provider", call.provider},
                                 {"model", call.key.model},
                                 {"task", call.key.task},
                                 {"workflow", call.key.workflow},
                                 {"parent", call.parent},
                                 {"inputTokens", amounts.input_tokens},
                                 {"outputTokens", amounts.output_tokens},
                                 {"cachedTokens", amounts.cached_tokens},
                                 {"reasoningTokens", amounts.reasoning_tokens},
                                 {"costUSD", amounts.cost.ToDecimal()},
                                 {"latencyMs", amounts.latency_ms},
                                 {"outcome", TextOf(call.outcome)},
                                 {"error", call.error},
                                 {"held", call.held}});
  }
  reply->Send({200, "application/json",
               document.dump(-1, ' ', false, ordered_json::error_handler_t::replace)});
}

void Later(Worker& worker, const Reply& reply, std::function<void()> work) {
  if (!worker.Do(std::move(work)))
    reply->Send(Problem(429, "too many ask for reports at once; come again"));
}

}  // namespace

void AddReports(Router& router, const ReportSources& sources) {
  router.Add("GET", "/v1/report", [sources](Request& request, const Reply& reply) {
    const auto asked = Read(request, sources.clock.Now());
    if (!asked) return reply->Send(ProblemOf(asked.error()));
    request.caller->Check(
        kGetReports, asked->query.namespaces, [sources, asked = *asked, reply](const Status& may) {
          if (!may.ok()) return reply->Send(ProblemOf(may.error()));
          Later(sources.worker, reply, [sources, asked, reply] { Report(sources, asked, reply); });
        });
  });
  router.Add("GET", "/v1/calls", [sources](Request& request, const Reply& reply) {
    const auto filter = ReadCalls(request);
    if (!filter) return reply->Send(ProblemOf(filter.error()));
    request.caller->Check(
        kGetReports, {filter->ns}, [sources, filter = *filter, reply](const Status& may) {
          if (!may.ok()) return reply->Send(ProblemOf(may.error()));
          Later(sources.worker, reply, [sources, filter, reply] { Calls(sources, filter, reply); });
        });
  });
}

}  // namespace purser::http
