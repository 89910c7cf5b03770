#include "gate/gate.h"

#include <algorithm>

namespace purser::gate {

Asked Gate::Ask(Request request, Timestamp now, const Books& books) {
  request.estimate = NotBelowZero(request.estimate);
  request.lives = std::clamp(request.lives, Duration(std::chrono::seconds(1)), kLongestLife);
  const bool waits = request.waits;
  if (const auto known = keys_.find({request.ns, request.key}); known != keys_.end()) {
    if (auto answer = Known(request, known->second)) return {std::move(*answer), {}};
    request.id = known->second;  // it waits, and is asked for again
    waiting_.Enter(request.id);
  } else {
    if (auto answer = Full(request)) return {std::move(*answer), {}};
    keys_.emplace(Place{request.ns, request.key}, request.id);
    auto waiting = request;
    waiting.waits = true;
    waiting_.Add(std::move(waiting), now);
  }
  Asked asked;
  asked.others = Pass(request.ns, now, books);
  const auto mine = std::find_if(asked.others.begin(), asked.others.end(),
                                 [&](const Answer& answer) { return answer.id == request.id; });
  if (mine != asked.others.end()) {
    asked.answer = std::move(*mine);
    asked.others.erase(mine);
    return asked;
  }
  if (!waits) waiting_.Leave(request.id, now);
  asked.answer = Queued(request, Judge(request, books));
  return asked;
}

std::vector<Answer> Gate::Serve(const std::string& ns, Timestamp now, const Books& books) {
  return Pass(ns, now, books);
}

std::vector<Answer> Gate::Pass(const std::string& ns, Timestamp now, const Books& books) {
  std::vector<Answer> answers;
  const auto priority_of = [&](const std::string& name) {
    const auto* agent = FindAgent(ns, name);
    if (agent == nullptr) return std::int32_t{0};
    const auto pool = pools_.find({ns, agent->pool});
    return pool == pools_.end() ? 0 : pool->second.priority;
  };
  for (bool moved = true; moved;) {
    moved = false;
    // Rows that somebody whose turn is earlier waits for: nobody overtakes there, or a dear call
    // would never find room among cheap ones.
    std::set<std::string> wanted;
    for (const auto* ticket : waiting_.Turns(ns, priority_of)) {
      const auto request = ticket->request;
      auto verdict = Judge(request, books);
      const auto is_wanted = [&](const std::string& row) { return wanted.contains(row); };
      if (verdict.kind == Verdict::Kind::kNever) {
        waiting_.Remove(request.id);
        keys_.erase({ns, request.key});
        auto answer = Refusal(request, verdict, now, books);
        answer.id = request.id;
        answers.push_back(std::move(answer));
        moved = true;
      } else if (verdict.kind == Verdict::Kind::kShort) {
        wanted.insert(verdict.wants.begin(), verdict.wants.end());
      } else if (verdict.kind == Verdict::Kind::kAllow &&
                 std::none_of(verdict.rows.begin(), verdict.rows.end(), is_wanted)) {
        waiting_.Remove(request.id);
        waiting_.Served(ns, request.agent);
        answers.push_back(Grant(request, verdict, now));
        moved = true;
        break;  // whose turn it is has changed
      }
    }
  }
  return answers;
}

Answer Gate::Grant(const Request& request, const Verdict& verdict, Timestamp now) {
  Reservation reservation{.id = request.id,
                          .key = request.key,
                          .ns = request.ns,
                          .agent = request.agent,
                          .task = request.task,
                          .workflow = request.workflow,
                          .model = verdict.model,
                          .estimate = NotBelowZero(verdict.estimate),
                          .made = now,
                          .expires = now + request.lives,
                          .key_taken = request.key_taken};
  Touch(request.ns, request.task, now);
  auto answer = AnswerOf(reservation);
  if (verdict.model != request.model && !request.model.empty()) {
    answer.reason = "Downgraded";
    answer.message = "call " + verdict.model + " instead of " + request.model +
                     ": a budget of this agent allows no dearer one at present";
  }
  Insert({.reservation = std::move(reservation)});
  return answer;
}

void Gate::Leave(const std::string& id, Timestamp now) { waiting_.Leave(id, now); }

void Gate::Insert(Kept kept) {
  const auto& reservation = kept.reservation;
  keys_[{reservation.ns, reservation.key}] = reservation.id;
  Count(reservation, 1);
  if (Ended(reservation.phase)) {
    Remember(reservation);
  } else {
    live_[reservation.ns].insert(reservation.id);
    ++live_count_;
    if (reservation.phase == Phase::kOpen) by_expiry_.emplace(reservation.expires, reservation.id);
  }
  auto id = reservation.id;
  reservations_.insert_or_assign(std::move(id), std::move(kept));
}

void Gate::Forget(const std::string& id) {
  const auto found = reservations_.find(id);
  if (found != reservations_.end() && found->second.reservation.phase == Phase::kOpen) Drop(id);
}

void Gate::Drop(const std::string& id) {
  const auto found = reservations_.find(id);
  if (found == reservations_.end()) return;
  const auto& reservation = found->second.reservation;
  Count(reservation, -1);
  by_expiry_.erase({reservation.expires, id});
  if (const auto live = live_.find(reservation.ns); live != live_.end()) {
    live_count_ -= live->second.erase(id);
    if (live->second.empty()) live_.erase(live);
  }
  if (const auto key = keys_.find({reservation.ns, reservation.key});
      key != keys_.end() && key->second == id)
    keys_.erase(key);
  reservations_.erase(found);
}

void Gate::DropEnded(const std::string& id) {
  if (const auto* reservation = Find(id); reservation != nullptr && Ended(reservation->phase))
    Drop(id);
}

void Gate::Touch(const std::string& ns, const std::string& task, Timestamp now) {
  if (task.empty()) return;
  auto& tasks = tasks_[ns];
  tasks.last[task] = now;
  tasks.order.emplace_back(task, now);
  // The order may name a task many times: only where it was named last counts.
  while (tasks.last.size() > bounds_.tasks_of_namespace ||
         tasks.order.size() > 4 * bounds_.tasks_of_namespace) {
    const auto& [oldest, at] = tasks.order.front();
    const auto found = tasks.last.find(oldest);
    if (found != tasks.last.end() && found->second == at) {
      if (tasks.last.size() <= bounds_.tasks_of_namespace)
        tasks.order.emplace_back(oldest, at);
      else
        tasks.last.erase(found);
    }
    tasks.order.pop_front();
  }
}

void Gate::Remember(const Reservation& reservation) {
  auto& finished = finished_[reservation.ns];
  finished.emplace_back(reservation.made, reservation.id);
  while (finished.size() > bounds_.finished_of_namespace) {
    const auto oldest = finished.front().second;
    finished.pop_front();
    if (oldest != reservation.id) DropEnded(oldest);
  }
}

void Gate::Restore(Reservation reservation) {
  if (reservations_.contains(reservation.id)) return;
  if (reservation.phase == Phase::kOpen) Touch(reservation.ns, reservation.task, reservation.made);
  Insert({.reservation = std::move(reservation)});
}

}  // namespace purser::gate
