// AgentBudget (purser.dev/v1alpha1): how much may be spent, by whom, in which window. No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kube/object/object_meta.h"
#include "money/quantity.h"

namespace purser::api {

enum class Period { kHour, kDay, kWeek, kMonth };
enum class Weekday {
  kMonday = 1,
  kTuesday,
  kWednesday,
  kThursday,
  kFriday,
  kSaturday,
  kSunday
};  // ISO

// The hours, days … of a calendar; the last so many hours up to now; all time since a moment.
enum class WindowType { kCalendar, kRolling, kLifetime };

struct WindowSpec {
  Period period = Period::kDay;   // Calendar
  std::string time_zone = "UTC";  // IANA name; Calendar
  Weekday week_start = Weekday::kMonday;
  WindowType type = WindowType::kCalendar;
  Duration length{};                    // Rolling: whole minutes, 5 minutes to 90 days
  std::optional<Timestamp> since = {};  // Lifetime; nothing: since the budget was made
  bool operator==(const WindowSpec&) const = default;
};

// Who has the whole limit: all in scope together, each pool, or each agent.
enum class Per { kTotal, kPool, kAgent };

struct ScopeSpec {
  std::vector<std::string> pools;   // {"*"}: the whole namespace, pools or not
  std::vector<std::string> agents;  // narrows; empty: all
  Per per = Per::kTotal;
  // Only spend on these; empty: on any.
  std::vector<std::string> models = {};
  std::vector<std::string> tasks = {};
  std::vector<std::string> workflows = {};
  bool operator==(const ScopeSpec&) const = default;
};

// Weakest to strongest; the numeric order is the order of strength.
enum class Action { kNotify = 0, kDowngrade = 1, kThrottle = 2, kRefuseNewWork = 3, kStop = 4 };

struct Threshold {
  std::int32_t percent = 0;  // 1 to 1000
  Action action = Action::kNotify;
  bool operator==(const Threshold&) const = default;
};

// Those of a budget that names none: Throttle at 80 percent, Stop at 100.
const std::vector<Threshold>& DefaultThresholds();

// Of a budget in Tokens: which of them count.
enum class TokenKind { kTotal, kInput, kOutput };
enum class CachedTokens { kCount, kIgnore };
struct TokensSpec {
  TokenKind kind = TokenKind::kTotal;
  CachedTokens cached = CachedTokens::kCount;  // those of the input that came from a cache
  bool operator==(const TokensSpec&) const = default;
};

// What happens when spend is fast, whatever is left: so many percent of the limit within a time,
// and in proportion within a shorter one that ends now.
struct BurnRate {
  std::string name;
  std::int32_t percent = 0;  // 1 to 1000
  Duration within{};         // whole minutes, 5 minutes to 35 days
  Action action = Action::kNotify;
  Duration confirm_within{};           // whole minutes, 1 to 60; 0: ConfirmWithin()
  std::optional<Quantity> floor = {};  // at least so much within the time; nothing: FloorOf()
  bool operator==(const BurnRate&) const = default;
};
// A twelfth of the time, at least a minute and at most an hour; $1, or one token or request.
Duration ConfirmWithin(const BurnRate& rule);
Quantity FloorOf(const BurnRate& rule, Unit unit);
// Of a budget that writes none: a Calendar window of a Week 20 percent within 24h, of a Day 25
// percent within 1h, both Notify.
std::vector<BurnRate> DefaultBurnRates(const WindowSpec& window);

// Another limit for one agent, under per: Agent.
struct AgentLimit {
  std::string agent;
  Quantity limit;
  bool operator==(const AgentLimit&) const = default;
};

enum class Mode { kEnforce, kAudit };

// What is asked while spend cannot be read; the numeric order is the order of strength.
enum class SourceLossAction { kHold = 0, kThrottle, kStop };

struct SourceLossSpec {
  SourceLossAction action = SourceLossAction::kHold;
  std::int32_t after_seconds = 600;  // 0 to 86,400: how long the spend is missed before the action
  bool operator==(const SourceLossSpec&) const = default;
};

// Agents may ask for more (AgentBudgetOverride), and go on slowly meanwhile. `up_to` 0: they may
// not.
struct AllowRequestsSpec {
  std::int32_t grace_seconds = 900;  // 0 to 86,400, from when it is asked
  Quantity up_to;                    // beyond the limit
  bool operator==(const AllowRequestsSpec&) const = default;
};

// Calls of models without a price. Estimate: what the operator estimates counts; Ignore: it does
// not, in this budget; Stop: it counts, and whoever makes them is stopped.
enum class OnUnpriced { kEstimate, kIgnore, kStop };

// Money whose origin is doubtful: told and not counted, or counted at once.
enum class OnDoubt { kHold, kCount };

struct AgentBudgetSpec {  // stopPolicy: AtCeiling
  Quantity limit;
  WindowSpec window;
  ScopeSpec scope;
  std::vector<Threshold> thresholds;  // ascending by percent; DefaultThresholds() if unwritten
  std::string source = "default";
  SourceLossSpec on_source_loss;
  OnUnpriced on_unpriced = OnUnpriced::kEstimate;
  OnDoubt on_doubt = OnDoubt::kHold;
  Mode mode = Mode::kEnforce;
  std::vector<AgentLimit> limits;
  Unit unit = Unit::kUsd;
  TokensSpec tokens;
  std::vector<BurnRate> burn_rates;  // DefaultBurnRates() if unwritten
  AllowRequestsSpec allow_requests;
  bool operator==(const AgentBudgetSpec&) const = default;
};

struct AgentSpend {
  std::string name;
  std::string spent;  // decimal string
  std::int32_t percent_used = 0;
  std::string state;
  bool operator==(const AgentSpend&) const = default;
};

// A pool or an agent that has the limit of its own.
struct SubjectSpend {
  std::string name;
  std::string state;
  std::string limit;  // decimal strings, as are spent, burn_per_hour and projected
  std::string spent;
  std::int32_t percent_used = 0;
  std::string burn_per_hour;
  std::string projected;
  std::string exhausts_at;         // RFC 3339, UTC; empty as that of the budget
  std::string spent_at_least;      // likewise
  std::vector<std::string> holds;  // as AgentBudgetStatus::holds
  bool operator==(const SubjectSpend&) const = default;
};

// How many subjects are in a state.
struct StateCount {
  std::string state;
  std::int32_t count = 0;
  bool operator==(const StateCount&) const = default;
};

struct ClosedWindow {
  std::string start;  // RFC 3339
  std::string end;
  std::string spent;
  bool operator==(const ClosedWindow&) const = default;
};

// An AgentBudgetOverride that counts, or was asked for and not decided yet.
struct OverrideTold {
  std::string name;
  std::string agent;  // empty: every subject
  std::string state;  // Requested | Active
  std::string add;    // one of both, decimal strings
  std::string set;
  std::string requested_by;
  std::string approved_by;
  std::string reason;
  std::string until;  // RFC 3339, UTC; while Requested: until when its agents are not stopped
  bool operator==(const OverrideTold&) const = default;
};

// What each of a source's two meters told in the window: decimal strings.
struct MetersTold {
  std::string prometheus;
  std::string records;
  std::string unexplained;  // by the counter, for agents of which it told more than their records
  bool operator==(const MetersTold&) const = default;
};

struct AgentBudgetStatus {
  std::int64_t observed_generation = 0;
  std::string state;  // Normal | Warning | Throttled | RefusingWork | Stopped | Audit | NotReady
  std::string window_start;  // RFC 3339 in the budget's zone, e.g. 2026-11-23T00:00:00-05:00
  std::string window_end;
  std::string window_length;    // of a Rolling window, which has neither: "24h"
  std::string window_exact_to;  // how finely its beginning moves: "1m", "15m"
  std::string limit;            // decimal string, as are spent and remaining
  std::string spent;
  std::string remaining;
  std::optional<std::int32_t> percent_used;
  std::string resets_at;      // RFC 3339, UTC
  std::string exhausts_at;    // RFC 3339, UTC, empty when it does not before the window's end
  std::string burn_per_hour;  // decimal string
  std::string projected;      // decimal string, at the window's end
  std::string in_doubt;       // decimal string: held, whether it is counted or not
  std::optional<MetersTold> meters{};  // of a source with two meters
  // Decimal string: the most that may be spent over the limit before all have stopped.
  std::string overspend_bound;
  // The ledger that `spent` comes from, and what the status of a lost one said of this window.
  std::string ledger;
  std::string spent_at_least;      // decimal string; empty: no ledger was lost
  std::vector<AgentSpend> agents;  // the 20 dearest
  std::int32_t agent_count = 0;
  // Where per is not Total, instead of agents: the 20 worst, how many there are of each state, the
  // worst first, and that in a few words: "3 of 40 stopped". The amounts above are the worst's.
  std::vector<SubjectSpend> subjects;
  // What holds by hysteresis where spend can fall: "80" of a threshold, "burn a-name" of a rule.
  std::vector<std::string> holds;
  std::vector<OverrideTold> overrides;  // at most 20
  std::vector<StateCount> states;
  std::string summary;
  std::vector<ClosedWindow> history;  // the last 8 closed windows, newest first
  std::vector<kube::Condition> conditions;
  bool operator==(const AgentBudgetStatus&) const = default;
};

struct AgentBudget {
  kube::ObjectMeta meta;
  AgentBudgetSpec spec;
  AgentBudgetStatus status;
  std::optional<std::string> invalid;  // as AgentPool::invalid
  std::optional<Timestamp> created{};  // nothing before the API server has it
};

}  // namespace purser::api
