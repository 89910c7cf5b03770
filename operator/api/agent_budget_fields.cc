// The fields of an AgentBudget, and what must hold between them.
#include <algorithm>
#include <array>
#include <string>

#include "api/field_kinds.h"
#include "api/resource_root.h"

namespace purser::api {
namespace {

// Bounds of crds/purser.dev_agentbudgets.yaml; a test compares them.
constexpr std::int64_t kMostScopeEntries = 256;
constexpr std::int64_t kMostThresholds = 16;
constexpr std::int64_t kMostPercent = 1000;
constexpr std::int64_t kMostAgents = 20;
constexpr std::int64_t kMostStates = 8;
constexpr std::int64_t kMostHistory = 8;
constexpr std::int64_t kLargest = 2'147'483'647;
constexpr std::int64_t kLongestAfterSeconds = 86'400;

// A choice whose one implemented value needs no place in a struct.
enum class Only { kValue };

constexpr std::array kUnits = {
    Choice<Only>{"USD"},
    Choice<Only>{"Tokens", {}, "use USD"},
    Choice<Only>{"Requests", {}, "use USD"},
};
constexpr std::array kWindowTypes = {
    Choice<Only>{"Calendar"},
    Choice<Only>{"Rolling", {}, "use Calendar"},
    Choice<Only>{"Lifetime", {}, "use Calendar"},
};
constexpr std::array kPeriods = {
    Choice<Period>{"Hour", Period::kHour},
    Choice<Period>{"Day", Period::kDay},
    Choice<Period>{"Week", Period::kWeek},
    Choice<Period>{"Month", Period::kMonth},
};
constexpr std::array kWeekdays = {
    Choice<Weekday>{"Monday", Weekday::kMonday},
    Choice<Weekday>{"Tuesday", Weekday::kTuesday},
    Choice<Weekday>{"Wednesday", Weekday::kWednesday},
    Choice<Weekday>{"Thursday", Weekday::kThursday},
    Choice<Weekday>{"Friday", Weekday::kFriday},
    Choice<Weekday>{"Saturday", Weekday::kSaturday},
    Choice<Weekday>{"Sunday", Weekday::kSunday},
};
constexpr std::array kPer = {
    Choice<Per>{"Total", Per::kTotal},
    Choice<Per>{"Pool", Per::kPool},
    Choice<Per>{"Agent", Per::kAgent},
};
constexpr std::array kActions = {
    Choice<Action>{"Notify", Action::kNotify},
    Choice<Action>{"Downgrade", Action::kNotify, "use Notify or Throttle"},
    Choice<Action>{"Throttle", Action::kThrottle},
    Choice<Action>{"RefuseNewWork", Action::kRefuseNewWork},
    Choice<Action>{"Stop", Action::kStop},
};
constexpr std::array kSourceLossActions = {
    Choice<SourceLossAction>{"Hold", SourceLossAction::kHold},
    Choice<SourceLossAction>{"Throttle", SourceLossAction::kThrottle},
    Choice<SourceLossAction>{"Stop", SourceLossAction::kStop},
};
constexpr std::array kOnUnpriced = {
    Choice<OnUnpriced>{"Estimate", OnUnpriced::kEstimate},
    Choice<OnUnpriced>{"Ignore", OnUnpriced::kIgnore},
    Choice<OnUnpriced>{"Stop", OnUnpriced::kStop},
};
constexpr std::array kOnDoubt = {
    Choice<OnDoubt>{"Hold", OnDoubt::kHold},
    Choice<OnDoubt>{"Count", OnDoubt::kCount},
};
constexpr std::array kModes = {Choice<Mode>{"Enforce", Mode::kEnforce},
                               Choice<Mode>{"Audit", Mode::kAudit}};
constexpr std::array kStopPolicies = {
    Choice<Only>{"AtCeiling"},
    Choice<Only>{"ReserveInFlight", {}, "use AtCeiling, with a Stop threshold below 100"},
};

void ReadLimit(ReadContext& context, simdjson::dom::element element, AgentBudgetSpec& into,
               const Field<AgentBudgetSpec>&) {
  std::string text;
  if (!ReadText(context, element, &AnyText, text)) return;
  const auto limit = Money::ParseLimit(text);
  if (limit) {
    into.limit = *limit;
  } else {
    context.Fail(limit.error().message());
  }
}

void DescribeText(const Field<AgentBudgetSpec>&, const std::string& path,
                  std::vector<KnownField>& into) {
  into.push_back({path, "string", true, {}, {}});
}

constexpr std::array kWindow = {
    OnlyChoiceField<WindowSpec, kWindowTypes>("type"),
    ChoiceField<&WindowSpec::period, kPeriods>("period"),
    TextField<&WindowSpec::time_zone>("timeZone", &TimeZoneName),
    ChoiceField<&WindowSpec::week_start, kWeekdays>("weekStart"),
};

constexpr std::array kScope = {
    TextListField<&ScopeSpec::pools>("pools", &PoolName, kMostScopeEntries),
    TextListField<&ScopeSpec::agents>("agents", &AgentName, kMostScopeEntries),
    Refused<ScopeSpec>("models", "remove it: spend is not narrowed by model"),
    Refused<ScopeSpec>("tasks", "remove it: spend is not narrowed by task"),
    Refused<ScopeSpec>("workflows", "remove it: spend is not narrowed by workflow"),
    ChoiceField<&ScopeSpec::per, kPer>("per"),
};

constexpr std::array kAgentLimit = {
    Required(TextField<&AgentLimit::agent>("agent", &AgentName), "whose limit it is"),
    Required(MoneyField<&AgentLimit::limit>("limit"), "the most that this agent may spend"),
};

constexpr std::array kThreshold = {
    Required(IntegerField<&Threshold::percent>("percent", 1, kMostPercent),
             "a percentage of the limit"),
    Required(ChoiceField<&Threshold::action, kActions>("action"),
             "what happens at this percentage"),
};

constexpr std::array kSourceLoss = {
    ChoiceField<&SourceLossSpec::action, kSourceLossActions>("action"),
    IntegerField<&SourceLossSpec::after_seconds>("afterSeconds", 0, kLongestAfterSeconds),
};

constexpr std::array kSpec = {
    Field<AgentBudgetSpec>{
        .name = "limit",
        .read = &ReadLimit,
        .describe = &DescribeText,
        .required = "the most that may be spent in a window, in USD, such as \"50\""},
    OnlyChoiceField<AgentBudgetSpec, kUnits>("unit"),
    ObjectField<&AgentBudgetSpec::window, kWindow>("window"),
    Required(ObjectField<&AgentBudgetSpec::scope, kScope>("scope"),
             "whose spend counts, such as {pools: [research]}, or {pools: [\"*\"]} for the whole "
             "namespace"),
    ObjectListField<&AgentBudgetSpec::limits, kAgentLimit>("limits", kMostScopeEntries),
    ObjectListField<&AgentBudgetSpec::thresholds, kThreshold>("thresholds", kMostThresholds),
    Refused<AgentBudgetSpec>("burnRates", "remove it, or warn earlier with a Notify threshold"),
    TextField<&AgentBudgetSpec::source>("source", &DnsLabel),
    ObjectField<&AgentBudgetSpec::on_source_loss, kSourceLoss>("onSourceLoss"),
    ChoiceField<&AgentBudgetSpec::on_unpriced, kOnUnpriced>("onUnpriced"),
    ChoiceField<&AgentBudgetSpec::on_doubt, kOnDoubt>("onDoubt"),
    ChoiceField<&AgentBudgetSpec::mode, kModes>("mode"),
    OnlyChoiceField<AgentBudgetSpec, kStopPolicies>("stopPolicy"),
};

constexpr std::array kStatusWindow = {
    TextField<&AgentBudgetStatus::window_start>("start"),
    TextField<&AgentBudgetStatus::window_end>("end"),
};

constexpr std::array kAgentSpend = {
    TextField<&AgentSpend::name>("name"),
    TextField<&AgentSpend::spent>("spent"),
    IntegerField<&AgentSpend::percent_used>("percentUsed", 0, kLargest),
    TextField<&AgentSpend::state>("state"),
};

constexpr std::array kSubject = {
    TextField<&SubjectSpend::name>("name"),
    TextField<&SubjectSpend::state>("state"),
    TextField<&SubjectSpend::limit>("limit"),
    TextField<&SubjectSpend::spent>("spent"),
    IntegerField<&SubjectSpend::percent_used>("percentUsed", 0, kLargest),
    TextField<&SubjectSpend::burn_per_hour>("burnPerHour"),
    TextField<&SubjectSpend::projected>("projected"),
    TextField<&SubjectSpend::exhausts_at>("exhaustsAt"),
    TextField<&SubjectSpend::spent_at_least>("spentAtLeast"),
};

constexpr std::array kStateCount = {
    TextField<&StateCount::state>("state"),
    IntegerField<&StateCount::count>("count", 0, kLargest),
};

constexpr std::array kClosedWindow = {
    TextField<&ClosedWindow::start>("start"),
    TextField<&ClosedWindow::end>("end"),
    TextField<&ClosedWindow::spent>("spent"),
};

constexpr std::array kStatus = {
    IntegerField<&AgentBudgetStatus::observed_generation>("observedGeneration", 0, INT64_MAX),
    TextField<&AgentBudgetStatus::state>("state"),
    InlineObjectField<AgentBudgetStatus, kStatusWindow>("window"),
    TextField<&AgentBudgetStatus::limit>("limit"),
    TextField<&AgentBudgetStatus::spent>("spent"),
    TextField<&AgentBudgetStatus::remaining>("remaining"),
    IntegerField<&AgentBudgetStatus::percent_used>("percentUsed", 0, kLargest),
    TextField<&AgentBudgetStatus::resets_at>("resetsAt"),
    TextField<&AgentBudgetStatus::exhausts_at>("exhaustsAt"),
    TextField<&AgentBudgetStatus::burn_per_hour>("burnPerHour"),
    TextField<&AgentBudgetStatus::projected>("projected"),
    TextField<&AgentBudgetStatus::in_doubt>("inDoubt"),
    TextField<&AgentBudgetStatus::ledger>("ledger"),
    TextField<&AgentBudgetStatus::spent_at_least>("spentAtLeast"),
    Refused<AgentBudgetStatus>("overspendBound", "nothing writes it"),
    ObjectListField<&AgentBudgetStatus::agents, kAgentSpend>("agents", kMostAgents),
    IntegerField<&AgentBudgetStatus::agent_count>("agentCount", 0, kLargest),
    ObjectListField<&AgentBudgetStatus::subjects, kSubject>("subjects", kMostAgents),
    ObjectListField<&AgentBudgetStatus::states, kStateCount>("states", kMostStates),
    TextField<&AgentBudgetStatus::summary>("summary"),
    ObjectListField<&AgentBudgetStatus::history, kClosedWindow>("history", kMostHistory),
    ObjectListField<&AgentBudgetStatus::conditions, kConditionFields>("conditions",
                                                                      kMostConditions),
};

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

// Sorted by percent. Problems are told by position as written.
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

void ReadSpec(ReadContext& context, simdjson::dom::element spec, AgentBudgetSpec& into) {
  const ReadContext::Step step(context, "spec");
  ReadFields(context, spec, kSpec, into);
  simdjson::dom::element given;
  if (spec["scope"].get(given) == simdjson::SUCCESS && given.is_object() &&
      !context.Failed("scope")) {
    CheckScope(context, into.scope);
  }
  const bool thresholds_given =
      spec["thresholds"].get(given) == simdjson::SUCCESS && !given.is_null();
  if (!thresholds_given) {
    into.thresholds = DefaultThresholds();
  } else if (given.is_array() && given.get_array().value_unsafe().size() == 0) {
    context.Fail("is empty; list at least one, or remove it for 80 Throttle and 100 Stop",
                 {{"thresholds"}});
  }
  if (!context.Failed("limits")) CheckLimits(context, into);
  if (!context.Failed("thresholds")) CheckThresholds(context, into.thresholds);
}

}  // namespace

const std::vector<Threshold>& DefaultThresholds() {
  static const std::vector<Threshold> defaults = {{80, Action::kThrottle}, {100, Action::kStop}};
  return defaults;
}

Result<AgentBudget> DecodeAgentBudget(simdjson::dom::element object, ReadContext& context) {
  return DecodeResource<AgentBudget, kStatus>(object, context, "AgentBudget", &ReadSpec);
}

Result<AgentBudget> DecodeAgentBudget(simdjson::dom::element object, UnknownFields unknown) {
  ReadContext context(unknown);
  return DecodeAgentBudget(object, context);
}

std::vector<KnownField> AgentBudgetFields() { return DescribeResource(kSpec, kStatus); }

std::string_view ToString(Action action) { return NameOf(kActions, action); }
std::string_view ToString(Per per) { return NameOf(kPer, per); }
std::string_view ToString(Period period) { return NameOf(kPeriods, period); }
std::string_view ToString(Weekday weekday) { return NameOf(kWeekdays, weekday); }
std::string_view ToString(SourceLossAction action) { return NameOf(kSourceLossActions, action); }
std::string_view ToString(OnUnpriced choice) { return NameOf(kOnUnpriced, choice); }
std::string_view ToString(OnDoubt choice) { return NameOf(kOnDoubt, choice); }

}  // namespace purser::api
