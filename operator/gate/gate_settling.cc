// How a reservation ends: by its fact, by being cancelled, or because its time is over.
#include <algorithm>

#include "gate/gate.h"

namespace purser::gate {
namespace {

Error Unknown(const std::string& id) {
  return {ErrorCode::kNotFound, "no admission " + id +
                                    " is known: it ended more than 24 hours ago, or never was; "
                                    "send what was spent to /v1/usage"};
}
Error BeingStored(const std::string& id) {
  return {ErrorCode::kUnavailable,
          "the end of admission " + id + " is being stored; ask again in a second"};
}

}  // namespace

void Gate::SetPhase(Kept& kept, Phase phase) {
  auto& reservation = kept.reservation;
  Count(reservation, -1);
  by_expiry_.erase({reservation.expires, reservation.id});
  kept.before = reservation.phase;
  reservation.phase = phase;
  Count(reservation, 1);
  if (phase == Phase::kOpen) by_expiry_.emplace(reservation.expires, reservation.id);
  const bool ended = Ended(phase);
  auto& live = live_[reservation.ns];
  if (ended) {
    live_count_ -= live.erase(reservation.id);
  } else if (live.insert(reservation.id).second) {
    ++live_count_;
  }
  if (live.empty()) live_.erase(reservation.ns);
  if (ended) Remember(reservation);
}

Result<Settlement> Gate::Settle(const std::string& id, const Amounts& fact, Timestamp now) {
  const auto found = reservations_.find(id);
  if (found == reservations_.end()) return Unknown(id);
  auto& kept = found->second;
  auto& reservation = kept.reservation;
  const auto settled = NotBelowZero(fact);
  switch (reservation.phase) {
    case Phase::kSettling:
    case Phase::kCancelling:
    case Phase::kExpired:
      return BeingStored(id);
    case Phase::kSettled:
      if (reservation.fact == settled || reservation.recorded)
        return Settlement{.reservation = reservation, .book = {}, .already = true};
      return Error(ErrorCode::kConflict,
                   "admission " + id + " was settled before at another amount ($" +
                       reservation.fact.cost.ToDecimal() + "); correct it by a SpendCorrection");
    case Phase::kOpen:
    case Phase::kLapsed:
    case Phase::kCancelled:
      break;
  }
  // A call that was cancelled and was made after all has its price.
  const auto before = reservation.phase;
  Count(reservation, -1);
  reservation.fact = settled;
  Count(reservation, 1);
  SetPhase(kept, Phase::kSettling);
  kept.before = before;
  Touch(reservation.ns, reservation.task, now);
  Settlement settlement{.reservation = reservation, .book = settled};
  if (reservation.recorded) settlement.book = Amounts();
  if (reservation.lapsed) settlement.book -= reservation.estimate;
  settlement.reservation.phase = Phase::kSettled;
  return settlement;
}

void Gate::Recorded(const std::string& id) {
  if (const auto found = reservations_.find(id); found != reservations_.end())
    found->second.reservation.recorded = true;
}

Result<Settlement> Gate::Cancel(const std::string& id, Timestamp now) {
  (void)now;
  const auto found = reservations_.find(id);
  if (found == reservations_.end()) {
    const auto* ticket = waiting_.Find(id);
    if (ticket == nullptr) return Unknown(id);
    keys_.erase({ticket->request.ns, ticket->request.key});
    waiting_.Remove(id);
    return Settlement{.reservation = {.id = id}, .book = {}, .already = true};
  }
  auto& kept = found->second;
  switch (kept.reservation.phase) {
    case Phase::kSettling:
    case Phase::kCancelling:
    case Phase::kExpired:
      return BeingStored(id);
    case Phase::kCancelled:
      return Settlement{.reservation = kept.reservation, .book = {}, .already = true};
    case Phase::kSettled:
      return Error(ErrorCode::kConflict,
                   "admission " + id + " was settled before; what was spent stays spent");
    case Phase::kOpen:
    case Phase::kLapsed:
      break;
  }
  Settlement settlement{.reservation = kept.reservation, .book = {}};
  if (kept.reservation.lapsed) settlement.book -= kept.reservation.estimate;
  SetPhase(kept, Phase::kCancelling);
  settlement.reservation.phase = Phase::kCancelled;
  return settlement;
}

std::vector<Settlement> Gate::Expire(Timestamp now) {
  // After a step of the clock backwards nothing lives longer than it could have from now on.
  while (!by_expiry_.empty() && by_expiry_.rbegin()->first > now + kLongestLife) {
    auto& reservation = reservations_.at(by_expiry_.rbegin()->second).reservation;
    by_expiry_.erase(std::prev(by_expiry_.end()));
    reservation.expires = now + kLongestLife;
    by_expiry_.emplace(reservation.expires, reservation.id);
  }
  std::vector<Settlement> expired;
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= now) {
    auto& kept = reservations_.at(by_expiry_.begin()->second);
    SetPhase(kept, Phase::kExpired);
    Settlement settlement{.reservation = kept.reservation, .book = kept.reservation.estimate};
    settlement.reservation.phase = Phase::kLapsed;
    settlement.reservation.lapsed = true;
    expired.push_back(std::move(settlement));
  }
  for (auto& [ns, finished] : finished_) {
    while (!finished.empty() && finished.front().first + kRemember < now) {
      const auto id = finished.front().second;
      finished.pop_front();
      DropEnded(id);
    }
  }
  std::erase_if(finished_, [](const auto& one) { return one.second.empty(); });
  for (const auto& key : waiting_.Forget(now)) keys_.erase(key);
  for (auto& [ns, tasks] : tasks_) {
    std::erase_if(tasks.last, [&](const auto& task) { return task.second + kTaskIdle < now; });
  }
  std::erase_if(tasks_, [](const auto& one) { return one.second.last.empty(); });
  waiting_.Shrink(bounds_.waiting);
  return expired;
}

void Gate::Done(const std::string& id) {
  const auto found = reservations_.find(id);
  if (found == reservations_.end()) return;
  auto& kept = found->second;
  switch (kept.reservation.phase) {
    case Phase::kSettling:
      return SetPhase(kept, Phase::kSettled);
    case Phase::kCancelling:
      return SetPhase(kept, Phase::kCancelled);
    case Phase::kExpired:
      if (kept.reservation.recorded) return SetPhase(kept, Phase::kSettled);
      kept.reservation.lapsed = true;
      return SetPhase(kept, Phase::kLapsed);
    case Phase::kOpen:
    case Phase::kLapsed:
    case Phase::kSettled:
    case Phase::kCancelled:
      return;
  }
}

void Gate::Failed(const std::string& id) {
  const auto found = reservations_.find(id);
  if (found == reservations_.end()) return;
  auto& kept = found->second;
  if (kept.reservation.phase != Phase::kSettling && kept.reservation.phase != Phase::kCancelling &&
      kept.reservation.phase != Phase::kExpired)
    return;
  SetPhase(kept, kept.before);
}

}  // namespace purser::gate
