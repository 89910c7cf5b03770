#include "controllers/agent_budget/row_maker.h"

#include <optional>
#include <utility>

#include "controllers/agent_budget/recall.h"
#include "controllers/agent_budget/rows.h"
#include "controllers/agent_budget/subject_status.h"
#include "controllers/agent_budget/witness.h"

namespace purser::controllers {
namespace {

// The request that lasts longest of those for the subject.
std::optional<policy::BudgetInput::Grace> GraceFor(const std::vector<Request>& requests,
                                                   const api::AgentBudget& budget,
                                                   const std::string& subject) {
  std::optional<policy::BudgetInput::Grace> grace;
  for (const auto& one : requests) {
    if (!one.agent.empty() && one.agent != subject) continue;
    if (!grace || one.until > grace->until)
      grace = {budget.spec.allow_requests.up_to, one.until, one.name};
  }
  return grace;
}

}  // namespace

policy::SourceState ToSourceState(const ledger::SourceHealth& health) {
  policy::SourceState state;
  switch (health.state) {
    case ledger::SourceHealth::State::kNeverRead:
      state.kind = policy::SourceState::Kind::kNeverRead;
      break;
    case ledger::SourceHealth::State::kHealthy:
      state.kind = policy::SourceState::Kind::kHealthy;
      break;
    case ledger::SourceHealth::State::kLost:
      state.kind = policy::SourceState::Kind::kLost;
      break;
  }
  state.doubtful = health.doubtful;
  state.lost_since = health.lost_since;
  state.reason = health.reason;
  state.message = health.message;
  state.last_read = health.last_read;
  return state;
}

RowMaker::RowMaker(ledger::Ledger& ledger, std::string ledger_id, HeldRows& held)
    : ledger_(ledger), ledger_id_(std::move(ledger_id)), held_(held) {}

Result<RowPointer> RowMaker::Of(const Question& of, const SubjectPointer& subject) {
  const auto& budget = of.budget;
  const auto& name = subject->name;
  const auto id = RowId(of.evaluation.budget, name);
  const auto unreadable = [](const Error& error) {
    return Error(error.code(), "the ledger cannot be read: " + error.message());
  };
  const auto tracked = ledger_.Track(id, CoverageOf(budget, *subject, of.evaluation.window));
  if (!tracked.ok()) return unreadable(tracked.error());
  const auto total = ledger_.Read(id, of.now);
  if (!total) {
    return Error(ErrorCode::kUnavailable,
                 "the ledger does not hold this budget's total; it is read again");
  }
  auto burns = BurnsOf(budget, *subject, ledger_, of.now);
  if (!burns) return unreadable(burns.error());
  const bool same_spec = of.before != nullptr && of.before->generation == budget.meta.generation;
  const auto known = of.before != nullptr ? of.before->RowOf(name) : nullptr;
  std::vector<std::string> kept;  // that the ledger knows to hold
  policy::Latches recalled;
  if (of.before == nullptr) {
    auto holds = ledger_.Holds(id, SpecId(budget));
    if (!holds) return unreadable(holds.error());
    kept = std::move(*holds);
    recalled = RecallLatches(budget, name, kept);
  } else if (known && same_spec) {
    kept = HoldsOf(*known);
  }
  auto row = MakeRow({budget, subject,
                      LimitWith(policy::LimitOf(budget.spec, name), of.grants, name), *total,
                      SpentAtLeast(budget, name, of.evaluation.window, ledger_id_, of.health.epoch),
                      of.evaluation.window, ToSourceState(of.health), of.evaluation.sight, of.now,
                      std::move(*burns), same_spec ? known.get() : nullptr, recalled,
                      of.evaluation.delay, GraceFor(of.requests, budget, name)});
  if (HoldsOf(*row) != kept) held_.Note(id, SpecId(budget), row->decision.latches);
  return row;
}

}  // namespace purser::controllers
