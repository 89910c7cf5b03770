#include "backtest/trial_day.h"

#include <algorithm>
#include <array>
#include <map>
#include <random>

#include "backtest/figures.h"
#include "base/time_text.h"

namespace purser::backtest {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const Timestamp kMidnight = *ParseRfc3339("2026-01-05T00:00:00Z");
constexpr hours kRunawayFrom{14};
constexpr std::int64_t kLimitNanos = 60'000'000'000;
constexpr std::size_t kBar = 30;

struct Agent {
  const char* name;
  const char* model;
  std::int64_t cents_tenths;  // a call costs about so many tenths of a cent
  std::int64_t every_seconds;
};

constexpr std::array<Agent, 5> kAgents = {{{"researcher", "claude-opus-4-6", 45, 240},
                                           {"writer", "claude-sonnet-4-5", 18, 180},
                                           {"coder", "gpt-5", 26, 150},
                                           {"tester", "gpt-5-mini", 6, 120},
                                           {"scout", "claude-sonnet-4-5", 14, 300}}};

std::string Bar(double share, char mark) {
  const auto filled = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * kBar);
  return std::string(filled, mark) + std::string(kBar - filled, '.');
}

double Dollars(Money money) { return static_cast<double>(money.nanos()) / 1e9; }

std::string TotalLine(const std::string& name, Money spent) {
  const double share = Dollars(spent) * 1e9 / static_cast<double>(kLimitNanos);
  return "  " + PadRight(name, 14) + "$" + PadLeft(Cents(spent), 7) + " of $60   [" +
         Bar(share, share > 1 ? '!' : '#') + "]\n";
}

}  // namespace

const char* const kTrialManifests = R"(apiVersion: purser.dev/v1alpha1
kind: AgentPool
metadata: {name: research, namespace: agents}
spec:
  maxConcurrency: 20
  agents:
  - {name: researcher, workloadRef: {kind: Deployment, name: researcher}}
  - {name: writer, workloadRef: {kind: Deployment, name: writer}}
  - {name: coder, workloadRef: {kind: Deployment, name: coder}}
  - {name: tester, workloadRef: {kind: Deployment, name: tester}}
  - {name: scout, workloadRef: {kind: Deployment, name: scout}}
---
apiVersion: purser.dev/v1alpha1
kind: AgentBudget
metadata: {name: research-daily, namespace: agents}
spec:
  limit: "60"
  window: {period: Day}
  scope: {pools: [research]}
---
apiVersion: purser.dev/v1alpha1
kind: AgentBudget
metadata: {name: eighteen-a-day-each, namespace: agents}
spec:
  limit: "18"
  window: {period: Day}
  scope: {pools: [research], per: Agent}
)";

std::vector<Call> TrialCalls() {
  std::mt19937 random(20260105);  // NOLINT(cert-msc51-cpp): the same day every time
  const auto draw = [&](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random() % static_cast<std::uint32_t>(high - low + 1));
  };
  std::vector<Call> calls;
  for (const auto& agent : kAgents) {
    const bool runs_away = std::string_view(agent.name) == "scout";
    auto at = kMidnight + seconds(draw(1, agent.every_seconds));
    while (at < kMidnight + hours(24)) {
      const bool wild = runs_away && at >= kMidnight + kRunawayFrom;
      Call call;
      call.at = at;
      call.key = {"default", "agents", agent.name, agent.model, wild ? "retry" : "", ""};
      call.amounts.cost =
          Money::FromNanos(agent.cents_tenths * 1'000'000 * draw(60, 140) / 100 * (wild ? 3 : 1));
      call.amounts.calls = 1;
      call.amounts.failed_calls = wild ? 1 : 0;
      calls.push_back(std::move(call));
      at +=
          seconds(wild ? draw(20, 40) : draw(agent.every_seconds / 2, agent.every_seconds * 3 / 2));
    }
  }
  std::stable_sort(calls.begin(), calls.end(),
                   [](const Call& a, const Call& b) { return a.at < b.at; });
  return calls;
}

std::string TrialFrame(const std::vector<Call>& calls, const Replayed& replayed, Timestamp at) {
  std::map<std::string, Money> asked;
  for (const auto& call : calls) {
    if (call.at > at) break;
    asked[call.key.agent] += call.amounts.cost;
  }
  const Point* now = nullptr;
  for (const auto& point : replayed.curve) {
    if (point.at > at) break;
    now = &point;
  }
  std::string text =
      "  " + FormatUtc(at).substr(11, 5) + "   five agents, $60 a day together, $18 each\n\n";
  text += TotalLine("with Purser", now == nullptr ? Money() : now->spent);
  text += TotalLine("without", now == nullptr ? Money() : now->asked) + "\n";
  double most = 1;
  for (const auto& agent : kAgents) most = std::max(most, Dollars(asked[agent.name]));
  for (const auto& agent : kAgents) {
    const auto one = asked[agent.name];
    text += "  " + PadRight(agent.name, 14) + "$" + PadLeft(Cents(one), 7) + " asked    [" +
            Bar(Dollars(one) / most, '=') + "]\n";
  }
  text += "\n";
  std::vector<const Event*> told;
  for (const auto& event : replayed.events)
    if (event.at <= at) told.push_back(&event);
  const std::size_t first = told.size() > 4 ? told.size() - 4 : 0;
  for (std::size_t i = first; i < first + 4; ++i) {
    if (i < told.size()) {
      const auto& event = *told[i];
      text += ("  " + FormatUtc(event.at).substr(11, 5) + " " + event.budget.name +
               (event.subject.empty() ? "" : " (" + event.subject + ")") + ": " +
               std::string(policy::ToString(event.level)))
                  .substr(0, 78);
    }
    text += "\n";
  }
  return text;
}

}  // namespace purser::backtest
