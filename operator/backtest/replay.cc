#include "backtest/replay.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "controllers/agent_budget/rows.h"
#include "controllers/agent_budget/subject.h"
#include "ledger/totals.h"
#include "policy/measure.h"

namespace purser::backtest {
namespace {

using controllers::RowPointer;
using controllers::SubjectPointer;
using policy::Level;

policy::SourceState Healthy(Timestamp now) {
  policy::SourceState source;
  source.kind = policy::SourceState::Kind::kHealthy;
  source.last_read = now;
  return source;
}

// One budget, and what it asked last.
struct Watched {
  api::AgentBudget budget;
  std::vector<SubjectPointer> subjects;
  std::vector<RowPointer> rows;  // parallel
  std::optional<policy::Window> window;
};

// What an agent may do now.
struct Leave {
  Level level = Level::kNormal;
  double share = 1;   // of its calls, while throttled
  double credit = 0;  // of the next call
};

class Replaying {
 public:
  Replaying(const Manifests& manifests, Duration poll) : poll_(poll) {
    for (const auto& budget : manifests.budgets) {
      Watched watched{budget, {}, {}, std::nullopt};
      watched.budget.spec.source = "default";
      std::vector<controllers::PoolPointer> pools;
      for (const auto& pool : manifests.pools)
        if (pool->meta.ns == budget.meta.ns) pools.push_back(pool);
      const auto scope = controllers::ResolveScope(budget.spec.scope, pools);
      watched.subjects = controllers::SubjectsOf(budget.spec.scope, scope, {});
      watched.rows.resize(watched.subjects.size());
      budgets_.push_back(std::move(watched));
    }
  }

  Result<Replayed> Run(const std::vector<Call>& calls) {
    replayed_.from = calls.front().at;
    replayed_.to = calls.back().at;
    auto next = replayed_.from;
    PURSER_RETURN_IF_ERROR(EvaluateAll(next));
    next += poll_;
    for (const auto& call : calls) {
      while (next <= call.at) {
        PURSER_RETURN_IF_ERROR(StepTo(next));
        next = NextStep(next, call.at);
      }
      Take(call);
    }
    PURSER_RETURN_IF_ERROR(StepTo(next));
    return std::move(replayed_);
  }

 private:
  class Booked final : public controllers::BookedSpend {
   public:
    Booked(const Replaying& replaying, const std::string& id, Timestamp now)
        : replaying_(replaying), id_(id), now_(now) {}
    Amounts Recent(Duration span) const override {
      return replaying_.totals_.Recent(id_, now_, span);
    }
    Result<Amounts> Sum(const ledger::Coverage& coverage) const override {
      Amounts sum;
      for (auto one = replaying_.BookedSince(coverage.start); one != replaying_.booked_.cend();
           ++one) {
        if (ledger::Covers(coverage, one->key, one->at)) sum += one->amounts;
      }
      return sum;
    }

   private:
    const Replaying& replaying_;
    const std::string& id_;
    Timestamp now_;
  };

  // The next poll at which there is something to decide, or that is before `call`.
  Timestamp NextStep(Timestamp last, Timestamp call) const {
    const auto until = std::min(std::max(wake_, last + poll_), call);
    const auto polls = (until - last + poll_ - Duration(1)) / poll_;
    return last + poll_ * std::max<std::int64_t>(1, polls);
  }

  Status StepTo(Timestamp now) {
    const bool asked =
        replayed_.curve.empty() || replayed_.curve.back().asked != replayed_.all.asked.cost;
    if (asked) replayed_.curve.push_back({now, replayed_.all.asked.cost, replayed_.all.spent.cost});
    if (pending_.empty() && now < wake_) return Ok();
    totals_.Apply(pending_, ledger::Totals::Direction::kAdd);
    std::move(pending_.begin(), pending_.end(), std::back_inserter(booked_));
    pending_.clear();
    return EvaluateAll(now);
  }

  void Take(const Call& call) {
    const auto name = call.key.ns + "/" + call.key.agent;
    auto& agent = replayed_.agents[name];
    auto& leave = leaves_[name];
    replayed_.all.asked += call.amounts;
    agent.asked += call.amounts;
    if (leave.level >= Level::kRefusingWork) {
      replayed_.all.refused += call.amounts;
      agent.refused += call.amounts;
      return;
    }
    if (leave.level == Level::kThrottled) {
      leave.credit = std::min(1.0, leave.credit + leave.share);
      if (leave.credit < 1) {
        replayed_.all.held_back += call.amounts;
        agent.held_back += call.amounts;
        return;
      }
      leave.credit -= 1;
    }
    replayed_.all.spent += call.amounts;
    agent.spent += call.amounts;
    pending_.push_back({call.key, call.at, call.amounts});
  }

  Status EvaluateAll(Timestamp now) {
    wake_ = policy::kNever;
    for (auto& watched : budgets_) PURSER_RETURN_IF_ERROR(Evaluate(watched, now));
    TellAgents();
    return Ok();
  }

  Status Evaluate(Watched& watched, Timestamp now) {
    const auto& spec = watched.budget.spec;
    const auto window =
        policy::WindowAt(now, spec.window, watched.budget.created.value_or(replayed_.from));
    if (!window) {
      return window.error().WithContext("AgentBudget " + watched.budget.meta.key().ToString() +
                                        ": spec.window.timeZone");
    }
    const bool moved = watched.window != *window;
    watched.window = *window;
    if (window->end < wake_) wake_ = window->end;
    for (std::size_t i = 0; i < watched.subjects.size(); ++i) {
      const auto& subject = watched.subjects[i];
      const auto id = controllers::RowId(watched.budget.meta.key(), subject->name);
      if (moved) Track(id, controllers::CoverageOf(watched.budget, *subject, *window));
      const auto before = watched.rows[i];
      const auto source = Healthy(now);
      const policy::Sight sight;
      auto burns = controllers::BurnsOf(watched.budget, *subject, Booked(*this, id, now), now);
      if (!burns) return burns.error();
      auto row =
          controllers::MakeRow({watched.budget, subject, policy::LimitOf(spec, subject->name),
                                totals_.Read(id, now).value_or(ledger::Total()), std::nullopt,
                                *window, source, sight, now, std::move(*burns), before.get()});
      if (const auto& at = row->decision.next; at && *at < wake_) wake_ = *at;
      const auto was = before ? before->decision.level : Level::kNormal;
      if (row->decision.level != was) {
        replayed_.events.push_back({now, watched.budget.meta.key(), subject->name, was,
                                    row->decision.level, row->decision.message});
      }
      watched.rows[i] = std::move(row);
    }
    return Ok();
  }

  // The first that can be of this time: booked by whole minutes.
  std::vector<ledger::Increment>::const_iterator BookedSince(Timestamp from) const {
    return std::lower_bound(booked_.begin(), booked_.end(), from - std::chrono::minutes(1),
                            [](const ledger::Increment& one, Timestamp at) { return one.at < at; });
  }

  // What is booked already, of a window that is new.
  void Track(const std::string& id, const ledger::Coverage& coverage) {
    totals_.Put(id, coverage, {}, {}, {});
    const auto from = std::min(coverage.start, coverage.end - std::chrono::hours(2));
    totals_.AddTo(id, {BookedSince(from), booked_.cend()});
  }

  // The strictest row wins.
  void TellAgents() {
    for (auto& [name, leave] : leaves_) {
      leave.level = Level::kNormal;
      leave.share = 1;
    }
    for (const auto& watched : budgets_) {
      for (const auto& row : watched.rows) {
        for (std::size_t p = 0; p < row->subject->pools.size(); ++p) TellPool(*row, p);
      }
    }
  }

  void TellPool(const controllers::Row& row, std::size_t position) {
    const auto& pool = row.subject->pools[position];
    for (std::size_t a = 0; a < pool.agents.size(); ++a) {
      auto& leave = leaves_[pool.key.ns + "/" + pool.agents[a]];
      leave.level = std::max(leave.level, row.decision.level);
      if (position >= row.shares.size() || pool.agent_maxima[a] == 0) continue;
      const auto share = static_cast<double>(row.shares[position].agents[a]) /
                         static_cast<double>(std::min(pool.agent_maxima[a], pool.maximum));
      leave.share = std::min(leave.share, share);
    }
  }

  Duration poll_;
  std::vector<Watched> budgets_;
  ledger::Totals totals_;
  std::vector<ledger::Increment> booked_;   // by time, nearly
  std::vector<ledger::Increment> pending_;  // since the last poll
  std::map<std::string, Leave> leaves_;     // "namespace/agent"
  Timestamp wake_ = policy::kNever;         // when to decide though nothing is spent
  Replayed replayed_;
};

}  // namespace

Result<Replayed> Replay(const Manifests& manifests, const std::vector<Call>& calls, Duration poll) {
  if (manifests.budgets.empty())
    return Error(ErrorCode::kInvalidArgument,
                 "no AgentBudget in the files: name one with --budget");
  if (calls.empty()) return Error(ErrorCode::kInvalidArgument, "no calls to replay");
  return Replaying(manifests, poll).Run(calls);
}

}  // namespace purser::backtest
