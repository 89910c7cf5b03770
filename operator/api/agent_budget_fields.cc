// The fields of an AgentBudget, and what must hold between them.
#include <algorithm>
#include <array>
#include <string>

#include "api/agent_budget_checks.h"
#include "api/field_kinds.h"
#include "api/resource_root.h"
#include "base/time_text.h"

namespace purser::api {
namespace {

// Bounds of crds/purser.dev_agentbudgets.yaml; a test compares them.
constexpr std::int64_t kMostScopeEntries = 256;
constexpr std::int64_t kMostNarrowing = 64;
constexpr std::int64_t kMostThresholds = 16;
constexpr std::int64_t kMostBurnRates = 8;
constexpr std::int64_t kMostPercent = 1000;
constexpr std::int64_t kMostAgents = 20;
constexpr std::int64_t kMostStates = 8;
constexpr std::int64_t kMostHolds = 32;
constexpr std::int64_t kMostHistory = 8;
constexpr std::int64_t kLargest = 2'147'483'647;
constexpr std::int64_t kLongestAfterSeconds = 86'400;

// A choice whose one implemented value needs no place in a struct.
enum class Only { kValue };

constexpr std::array kUnits = {
    Choice<Unit>{"USD", Unit::kUsd},
    Choice<Unit>{"Tokens", Unit::kTokens},
    Choice<Unit>{"Requests", Unit::kRequests},
};
constexpr std::array kTokenKinds = {
    Choice<TokenKind>{"Total", TokenKind::kTotal},
    Choice<TokenKind>{"Input", TokenKind::kInput},
    Choice<TokenKind>{"Output", TokenKind::kOutput},
};
constexpr std::array kCached = {
    Choice<CachedTokens>{"Count", CachedTokens::kCount},
    Choice<CachedTokens>{"Ignore", CachedTokens::kIgnore},
};
constexpr std::array kWindowTypes = {
    Choice<WindowType>{"Calendar", WindowType::kCalendar},
    Choice<WindowType>{"Rolling", WindowType::kRolling},
    Choice<WindowType>{"Lifetime", WindowType::kLifetime},
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
    Choice<Action>{"Downgrade", Action::kDowngrade},
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

// Only that it is text: how it is read depends on the unit, which may stand after it.
template <typename T>
constexpr Field<T> QuantityField(std::string_view name) {
  return {.name = name,
          .read =
              [](ReadContext& context, simdjson::dom::element element, T&, const Field<T>&) {
                std::string text;
                ReadText(context, element, &AnyText, text);
              },
          .describe =
              [](const Field<T>&, const std::string& path, std::vector<KnownField>& into) {
                into.push_back({path, "string", true, {}, {}});
              }};
}

void ReadPeriod(ReadContext& context, simdjson::dom::element element, WindowSpec& into,
                const Field<WindowSpec>&) {
  std::string text;
  if (!ReadText(context, element, &AnyText, text)) return;
  for (const auto& period : kPeriods) {
    if (period.name == text) {
      into.period = period.value;
      return;
    }
  }
  const auto length = ParseDuration(text);
  if (!length) {
    context.Fail(Quoted(text) +
                 ": want Hour, Day, Week or Month, or of a Rolling window a "
                 "duration such as \"24h\"");
    return;
  }
  into.length = *length;
}

void DescribePeriod(const Field<WindowSpec>&, const std::string& path,
                    std::vector<KnownField>& into) {
  into.push_back({path, "string", true, {}, {}});
}

void ReadSince(ReadContext& context, simdjson::dom::element element, WindowSpec& into,
               const Field<WindowSpec>&) {
  std::string text;
  if (!ReadText(context, element, &AnyText, text)) return;
  into.since = ParseRfc3339(text);
  if (!into.since || into.since->time_since_epoch() < Duration::zero())
    context.Fail(Quoted(text) + ": want a time such as \"2026-11-01T00:00:00Z\", not before 1970");
}

constexpr std::array kWindow = {
    ChoiceField<&WindowSpec::type, kWindowTypes>("type"),
    Field<WindowSpec>{.name = "period", .read = &ReadPeriod, .describe = &DescribePeriod},
    TextField<&WindowSpec::time_zone>("timeZone", &TimeZoneName),
    ChoiceField<&WindowSpec::week_start, kWeekdays>("weekStart"),
    Field<WindowSpec>{.name = "since", .read = &ReadSince, .describe = &DescribePeriod},
};

constexpr std::array kScope = {
    TextListField<&ScopeSpec::pools>("pools", &PoolName, kMostScopeEntries),
    TextListField<&ScopeSpec::agents>("agents", &AgentName, kMostScopeEntries),
    TextListField<&ScopeSpec::models>("models", &AgentName, kMostNarrowing),
    TextListField<&ScopeSpec::tasks>("tasks", &AgentName, kMostNarrowing),
    TextListField<&ScopeSpec::workflows>("workflows", &AgentName, kMostNarrowing),
    ChoiceField<&ScopeSpec::per, kPer>("per"),
};

constexpr std::array kAgentLimit = {
    Required(TextField<&AgentLimit::agent>("agent", &AgentName), "whose limit it is"),
    Required(QuantityField<AgentLimit>("limit"), "the most that this agent may spend"),
};

constexpr std::array kTokens = {
    ChoiceField<&TokensSpec::kind, kTokenKinds>("kind"),
    ChoiceField<&TokensSpec::cached, kCached>("cached"),
};

constexpr std::array kBurnRate = {
    Required(TextField<&BurnRate::name>("name", &DnsLabel), "what events call this rule"),
    Required(IntegerField<&BurnRate::percent>("percent", 1, kMostPercent),
             "a percentage of the limit"),
    Required(DurationField<&BurnRate::within>("within", std::chrono::minutes(5),
                                              std::chrono::hours(35 * 24)),
             "the time in which so much is too fast, such as 24h"),
    ChoiceField<&BurnRate::action, kActions>("action"),
    DurationField<&BurnRate::confirm_within>("confirmWithin", std::chrono::minutes(1),
                                             std::chrono::hours(1)),
    QuantityField<BurnRate>("floor"),
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

constexpr std::array kAllowRequests = {
    IntegerField<&AllowRequestsSpec::grace_seconds>("graceSeconds", 0, kLongestAfterSeconds),
    Required(QuantityField<AllowRequestsSpec>("upTo"),
             "the most that is spent beyond the limit meanwhile"),
};

constexpr std::array kSpec = {
    Required(QuantityField<AgentBudgetSpec>("limit"),
             "the most that may be spent in a window, such as \"50\""),
    ChoiceField<&AgentBudgetSpec::unit, kUnits>("unit"),
    ObjectField<&AgentBudgetSpec::tokens, kTokens>("tokens"),
    ObjectField<&AgentBudgetSpec::window, kWindow>("window"),
    Required(ObjectField<&AgentBudgetSpec::scope, kScope>("scope"),
             "whose spend counts, such as {pools: [research]}, or {pools: [\"*\"]} for the whole "
             "namespace"),
    ObjectListField<&AgentBudgetSpec::limits, kAgentLimit>("limits", kMostScopeEntries),
    ObjectListField<&AgentBudgetSpec::thresholds, kThreshold>("thresholds", kMostThresholds),
    ObjectListField<&AgentBudgetSpec::burn_rates, kBurnRate>("burnRates", kMostBurnRates),
    TextField<&AgentBudgetSpec::source>("source", &DnsLabel),
    ObjectField<&AgentBudgetSpec::allow_requests, kAllowRequests>("allowRequests"),
    ObjectField<&AgentBudgetSpec::on_source_loss, kSourceLoss>("onSourceLoss"),
    ChoiceField<&AgentBudgetSpec::on_unpriced, kOnUnpriced>("onUnpriced"),
    ChoiceField<&AgentBudgetSpec::on_doubt, kOnDoubt>("onDoubt"),
    ChoiceField<&AgentBudgetSpec::mode, kModes>("mode"),
    OnlyChoiceField<AgentBudgetSpec, kStopPolicies>("stopPolicy"),
};

constexpr std::array kStatusWindow = {
    TextField<&AgentBudgetStatus::window_start>("start"),
    TextField<&AgentBudgetStatus::window_end>("end"),
    TextField<&AgentBudgetStatus::window_length>("length"),
    TextField<&AgentBudgetStatus::window_exact_to>("exactTo"),
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
    TextListField<&SubjectSpend::holds>("holds", &AnyText, kMostHolds),
};

constexpr std::array kOverrideTold = {
    TextField<&OverrideTold::name>("name"),
    TextField<&OverrideTold::agent>("agent"),
    TextField<&OverrideTold::state>("state"),
    TextField<&OverrideTold::add>("add"),
    TextField<&OverrideTold::set>("set"),
    TextField<&OverrideTold::requested_by>("requestedBy"),
    TextField<&OverrideTold::approved_by>("approvedBy"),
    TextField<&OverrideTold::reason>("reason"),
    TextField<&OverrideTold::until>("until"),
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

constexpr std::array kMetersTold = {
    TextField<&MetersTold::prometheus>("prometheus"),
    TextField<&MetersTold::records>("records"),
    TextField<&MetersTold::unexplained>("unexplained"),
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
    OptionalObjectField<&AgentBudgetStatus::meters, kMetersTold>("meters"),
    TextField<&AgentBudgetStatus::ledger>("ledger"),
    TextField<&AgentBudgetStatus::spent_at_least>("spentAtLeast"),
    TextField<&AgentBudgetStatus::overspend_bound>("overspendBound"),
    TextListField<&AgentBudgetStatus::holds>("holds", &AnyText, kMostHolds),
    ObjectListField<&AgentBudgetStatus::overrides, kOverrideTold>("overrides", kMostAgents),
    ObjectListField<&AgentBudgetStatus::agents, kAgentSpend>("agents", kMostAgents),
    IntegerField<&AgentBudgetStatus::agent_count>("agentCount", 0, kLargest),
    ObjectListField<&AgentBudgetStatus::subjects, kSubject>("subjects", kMostAgents),
    ObjectListField<&AgentBudgetStatus::states, kStateCount>("states", kMostStates),
    TextField<&AgentBudgetStatus::summary>("summary"),
    ObjectListField<&AgentBudgetStatus::history, kClosedWindow>("history", kMostHistory),
    ObjectListField<&AgentBudgetStatus::conditions, kConditionFields>("conditions",
                                                                      kMostConditions),
};

void ReadSpec(ReadContext& context, simdjson::dom::element spec, AgentBudgetSpec& into) {
  const ReadContext::Step step(context, "spec");
  ReadFields(context, spec, kSpec, into);
  simdjson::dom::element given;
  if (spec["scope"].get(given) == simdjson::SUCCESS && given.is_object() &&
      !context.Failed("scope")) {
    CheckScope(context, into.scope);
  }
  ReadQuantities(context, spec, into);
  if (!context.Failed("window")) CheckWindow(context, spec, into.window);
  const bool burn_rates_given =
      spec["burnRates"].get(given) == simdjson::SUCCESS && !given.is_null();
  if (!burn_rates_given) into.burn_rates = DefaultBurnRates(into.window);
  if (!context.Failed("burnRates")) CheckBurnRates(context, into.burn_rates);
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
  auto budget = DecodeResource<AgentBudget, kStatus>(object, context, "AgentBudget", &ReadSpec);
  std::string_view created;
  if (budget && object["metadata"]["creationTimestamp"].get(created) == simdjson::SUCCESS)
    budget->created = ParseRfc3339(created);
  return budget;
}

Result<AgentBudget> DecodeAgentBudget(simdjson::dom::element object, UnknownFields unknown) {
  ReadContext context(unknown);
  return DecodeAgentBudget(object, context);
}

std::vector<KnownField> AgentBudgetFields() { return DescribeResource(kSpec, kStatus); }

std::string_view ToString(Action action) { return NameOf(kActions, action); }
Duration ConfirmWithin(const BurnRate& rule) {
  if (rule.confirm_within > Duration::zero()) return rule.confirm_within;
  return std::clamp<Duration>(std::chrono::floor<std::chrono::minutes>(rule.within / 12),
                              std::chrono::minutes(1), std::chrono::hours(1));
}

Quantity FloorOf(const BurnRate& rule, Unit unit) {
  return rule.floor.value_or(Quantity::Of(unit == Unit::kUsd ? Money::kNanosPerDollar : 1));
}

std::vector<BurnRate> DefaultBurnRates(const WindowSpec& window) {
  if (window.type != WindowType::kCalendar) return {};
  if (window.period == Period::kWeek)
    return {{"a-fifth-of-the-week", 20, std::chrono::hours(24), Action::kNotify, {}, {}}};
  if (window.period == Period::kDay)
    return {{"a-quarter-of-the-day", 25, std::chrono::hours(1), Action::kNotify, {}, {}}};
  return {};
}

std::string_view ToString(Unit unit) { return NameOf(kUnits, unit); }
std::string_view ToString(TokenKind kind) { return NameOf(kTokenKinds, kind); }
std::string_view ToString(CachedTokens cached) { return NameOf(kCached, cached); }
std::string_view ToString(WindowType type) { return NameOf(kWindowTypes, type); }
std::string_view ToString(Per per) { return NameOf(kPer, per); }
std::string_view ToString(Period period) { return NameOf(kPeriods, period); }
std::string_view ToString(Weekday weekday) { return NameOf(kWeekdays, weekday); }
std::string_view ToString(SourceLossAction action) { return NameOf(kSourceLossActions, action); }
std::string_view ToString(OnUnpriced choice) { return NameOf(kOnUnpriced, choice); }
std::string_view ToString(OnDoubt choice) { return NameOf(kOnDoubt, choice); }

}  // namespace purser::api
