// Each question's answer in words: allowed, queued, refused.
#include <algorithm>
#include <tuple>

#include "base/time_text.h"
#include "gate/gate.h"
#include "policy/measure.h"

namespace purser::gate {
namespace {

constexpr Duration kAskAgain = std::chrono::seconds(1);

std::string Named(const std::string& budget) { return "AgentBudget " + budget; }

}  // namespace

Answer Gate::AnswerOf(const Reservation& reservation) {
  Answer answer;
  answer.decision = Decision::kAllow;
  answer.id = reservation.id;
  answer.model = reservation.model;
  answer.reserved = reservation.estimate;
  answer.expires = reservation.expires;
  answer.reason = "Reserved";
  return answer;
}

std::optional<Answer> Gate::Known(const Request& request, const std::string& id) const {
  const auto* reservation = Find(id);
  const auto* ticket = waiting_.Find(id);
  const bool same = reservation != nullptr
                        ? reservation->agent == request.agent && reservation->task == request.task
                        : ticket != nullptr && ticket->request.agent == request.agent &&
                              ticket->request.task == request.task;
  if (!same) {
    Answer answer;
    answer.reason = "KeyReused";
    answer.message = "key " + request.key +
                     " was used for another agent or task; make a new key for each question";
    return answer;
  }
  if (reservation == nullptr) return std::nullopt;
  if (reservation->phase == Phase::kOpen) return AnswerOf(*reservation);
  Answer answer;
  answer.id = reservation->id;
  answer.reason = "AlreadyEnded";
  answer.message = "the call that key " + request.key +
                   " was asked for has been settled, cancelled or has expired; make a new key";
  return answer;
}

Answer Gate::Queued(const Request& request, const Verdict& verdict) const {
  Answer answer;
  answer.decision = Decision::kQueue;
  answer.id = request.id;
  answer.position = waiting_.PositionOf(request.id);
  answer.retry_after = kAskAgain;
  answer.reason = verdict.reason.empty() ? "Queued" : verdict.reason;
  answer.message = verdict.message.empty()
                       ? "others that wait for the same come first; ask again with the same key"
                       : verdict.message;
  if (verdict.row != nullptr) {
    answer.budget = verdict.row->budget;
    answer.resets_at = verdict.row->resets_at;
  }
  return answer;
}

Answer Gate::Refusal(const Request& request, const Verdict& verdict, Timestamp now,
                     const Books& books) const {
  Answer answer;
  answer.reason = verdict.reason;
  answer.message = verdict.message;
  if (verdict.row != nullptr) {
    answer.budget = verdict.row->budget;
    answer.resets_at = verdict.row->resets_at;
    if (answer.resets_at) {
      answer.retry_after = std::max(*answer.resets_at - now, Duration(kAskAgain));
      answer.message += "; it resets at " + FormatUtc(*answer.resets_at);
    }
  }
  std::size_t looked = 0;
  for (const auto& choice : request.others) {
    if (looked++ == kMostChoices) break;
    if (choice.agent == request.agent && choice.model == request.model) continue;
    Request other = request;
    other.agent = choice.agent;
    other.model = choice.model;
    other.estimate = choice.estimate;
    const auto judged = Judge(other, books);
    if (judged.kind == Verdict::Kind::kAllow && judged.model == choice.model)
      answer.alternatives.push_back(choice);
  }
  return answer;
}

std::optional<Answer> Gate::Full(const Request& request) const {
  const auto refuse = [](std::string reason, std::string message) {
    Answer answer;
    answer.reason = std::move(reason);
    answer.message = std::move(message);
    answer.retry_after = kAskAgain;
    return answer;
  };
  if (live_count_ >= bounds_.open || OpenOf(request.ns) >= bounds_.open_of_namespace)
    return refuse("TooManyOpen", "namespace " + request.ns +
                                     " or the operator holds as many "
                                     "reservations as it can (" +
                                     std::to_string(OpenOf(request.ns)) +
                                     " of the namespace); settle or cancel those that ended");
  if (waiting_.size() >= bounds_.waiting ||
      waiting_.SizeOf(request.ns) >= bounds_.waiting_of_namespace)
    return refuse("TooManyWaiting", std::to_string(waiting_.SizeOf(request.ns)) +
                                        " calls of namespace " + request.ns +
                                        " wait already; ask again later");
  return std::nullopt;
}

Gate::Verdict Gate::Judge(const Request& request, const Books& books) const {
  Verdict verdict;
  verdict.model = request.model;
  verdict.estimate = request.estimate;
  const auto* agent = FindAgent(request.ns, request.agent);
  if (agent == nullptr) {
    verdict.kind = Verdict::Kind::kNever;
    verdict.reason = "UnknownAgent";
    verdict.message = "no AgentPool of namespace " + request.ns + " names agent " + request.agent +
                      "; add it to spec.agents of one";
    return verdict;
  }
  if (agent->stopped) {
    verdict.kind = Verdict::Kind::kNever;
    verdict.reason = "AgentStopped";
    verdict.message = "agent " + request.agent + " is stopped" +
                      (agent->why.empty() ? std::string() : ": " + agent->why);
  }
  std::tie(verdict.model, verdict.estimate) = ModelFor(request, *agent);
  ForEachRow(request.ns, request.agent, [&](const RowState& state) {
    if (!CoversKind(state.row, verdict.model, request.task, request.workflow)) return;
    verdict.rows.push_back(state.row.id);
    JudgeRow(request, state.row, state.reserved, books, verdict);
  });
  if (verdict.kind == Verdict::Kind::kAllow) JudgeConcurrency(*agent, verdict);
  return verdict;
}

bool Gate::JudgeRow(const Request& request, const Row& row, Quantity reserved, const Books& books,
                    Verdict& verdict) const {
  const auto say = [&](Verdict::Kind kind, std::string reason, std::string message) {
    // Of several that refuse, the one to wait for longest: one that never resets before all.
    const auto until = [](const Row* one) { return one->resets_at.value_or(Timestamp::max()); };
    const bool stronger = kind > verdict.kind || verdict.row == nullptr ||
                          (kind == verdict.kind && until(&row) > until(verdict.row));
    if (kind == Verdict::Kind::kShort) verdict.wants.push_back(row.id);
    if (kind < verdict.kind || !stronger) return false;
    verdict.kind = kind;
    verdict.row = &row;
    verdict.reason = std::move(reason);
    verdict.message = std::move(message);
    return false;
  };
  if (row.level == policy::Level::kStopped)
    return say(Verdict::Kind::kNever, "BudgetStopped", Named(row.budget) + " stops its agents");
  const bool is_new = IsNew(request);
  if (is_new && row.level == policy::Level::kRefusingWork)
    return say(Verdict::Kind::kNever, "RefusesNewWork", Named(row.budget) + " takes no new task");
  const bool by_new_work = is_new && row.new_work && (!row.ceiling || *row.new_work < *row.ceiling);
  const auto ceiling = by_new_work ? row.new_work : row.ceiling;
  if (!ceiling) return true;
  const auto booked = books.Booked(row.id);
  if (!booked)
    return say(Verdict::Kind::kShort, "SpendUnknown",
               "what " + Named(row.budget) + " has spent is not known yet; ask again");
  const auto asked = policy::MeasureOf(verdict.estimate, row.unit, row.tokens);
  const auto figures = [&] {
    const auto left = std::max(*ceiling - *booked, Quantity());
    return ToText(left, row.unit) + " of " + ToText(*ceiling, row.unit) + " is left, " +
           ToText(reserved, row.unit) + " is reserved, and the call may take " +
           ToText(asked, row.unit);
  };
  if (*booked >= *ceiling || *booked + asked > *ceiling)
    return say(Verdict::Kind::kNever, by_new_work ? "RefusesNewWork" : "BudgetExhausted",
               Named(row.budget) + (by_new_work ? " takes no new task: " : ": ") + figures());
  if (*booked + reserved >= *ceiling || *booked + reserved + asked > *ceiling)
    return say(Verdict::Kind::kShort, "BudgetReserved", Named(row.budget) + ": " + figures());
  return true;
}

bool Gate::JudgeConcurrency(const Agent& agent, Verdict& verdict) const {
  const auto busy = [&](std::string reason, const std::string& who, std::int32_t of) {
    verdict.kind = Verdict::Kind::kBusy;
    verdict.reason = std::move(reason);
    verdict.message = who + " makes " + std::to_string(of) + " calls at once at most";
    return false;
  };
  if (InFlight(agent.ns, agent.name) >= agent.concurrency)
    return busy("AgentBusy", "agent " + agent.name, agent.concurrency);
  const auto pool = pools_.find({agent.ns, agent.pool});
  if (pool == pools_.end()) return true;
  std::int64_t of_pool = 0;
  for (auto each = agents_.lower_bound({agent.ns, ""});
       each != agents_.end() && each->first.first == agent.ns; ++each) {
    if (each->second.pool == agent.pool) of_pool += InFlight(agent.ns, each->second.name);
  }
  if (of_pool >= pool->second.concurrency)
    return busy("PoolBusy", "AgentPool " + agent.pool, pool->second.concurrency);
  return true;
}

std::pair<std::string, Amounts> Gate::ModelFor(const Request& request, const Agent& agent) {
  if (agent.downgrades <= 0 || agent.models.empty()) return {request.model, request.estimate};
  const auto first = std::min(static_cast<std::size_t>(agent.downgrades), agent.models.size() - 1);
  const auto wanted = std::find(agent.models.begin(), agent.models.end(), request.model);
  const auto position = static_cast<std::size_t>(wanted - agent.models.begin());
  if (wanted != agent.models.end() && position >= first) return {request.model, request.estimate};
  const auto& model = agent.models[first];
  for (const auto& choice : request.others) {
    if (choice.agent == request.agent && choice.model == model) return {model, choice.estimate};
  }
  return {model, request.estimate};
}

bool Gate::IsNew(const Request& request) const {
  if (request.task.empty()) return true;
  const auto found = tasks_.find(request.ns);
  return found == tasks_.end() || !found->second.last.contains(request.task);
}

}  // namespace purser::gate
