// What of the gate becomes durable: what was promised, how it ended, and that a call which was told
// as a record, too, counts once.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <utility>

#include "admissions/admission_service.h"
#include "admissions/kept.h"
#include "base/guarded.h"
#include "base/time_text.h"
#include "http/problem.h"

namespace purser::admissions {
namespace {

constexpr std::size_t kMostAtOnce = 256;

net::Answer Json(std::string body) { return {200, "application/json", std::move(body)}; }

}  // namespace

void AdmissionService::Recorded(std::span<const usage::records::BookedRecord> records) {
  const auto now = on_.clock.Now();
  while (!records.empty()) {
    // In parts, so that nobody waits long for the lock.
    const auto part = records.first(std::min(records.size(), kMostAtOnce));
    records = records.subspan(part.size());
    const std::lock_guard lock(mutex_);
    for (const auto& booked : part) {
      const auto* one = FindFor(booked.record);
      if (one == nullptr) continue;
      if (!EndRecorded(one->id, booked.amounts, now))
        recorded_.push_back({one->id, booked.amounts});
    }
  }
}

// The methods down to EndRecorded are called with mutex_ held.

// The reservation that a record ends; an attempt that failed ends none that goes on.
const gate::Reservation* AdmissionService::FindFor(const usage::records::Record& record) const {
  if (const auto id = usage::records::AdmissionOf(record); !id.empty()) {
    const auto* one = gate_.Find(std::string(id));
    const bool failed = record.outcome != ledger::Outcome::kSuccess;
    if (one != nullptr && one->ns == record.ns &&
        !(failed && record.id != id && one->phase == gate::Phase::kOpen))
      return one;
  }
  const auto* one = gate_.FindByKey(record.ns, record.id);
  return one == nullptr || one->key_taken ? nullptr : one;
}

// False: its end is being stored; to be tried again.
bool AdmissionService::EndRecorded(const std::string& id, const Amounts& amounts, Timestamp now) {
  const auto* one = gate_.Find(id);
  if (one == nullptr || one->phase == gate::Phase::kSettled ||
      one->phase == gate::Phase::kCancelled)
    return true;
  if (one->phase != gate::Phase::kOpen && one->phase != gate::Phase::kLapsed) return false;
  gate_.Recorded(id);
  auto settlement = gate_.Settle(id, amounts, now);
  if (!settlement) return true;
  const auto ns = settlement->reservation.ns;
  Push({Kind::kSettle, std::move(*settlement), {}, ""});
  DeliverAll(gate_.Serve(ns, now, feed_));
  return true;
}

// ---- The committing thread.

void AdmissionService::Commit(const std::stop_token& stop) {
  while (true) {
    std::vector<Change> changes;
    {
      std::unique_lock lock(mutex_);
      came_.wait(lock, stop, [this] { return !to_store_.empty(); });
      // What was decided is stored before it ends; who waits for it is told.
      if (to_store_.empty()) return;
      const auto most = std::min(kMostTogether, to_store_.size());
      const auto end = to_store_.begin() + static_cast<std::ptrdiff_t>(most);
      changes.assign(std::make_move_iterator(to_store_.begin()), std::make_move_iterator(end));
      to_store_.erase(to_store_.begin(), end);
    }
    CommitGroup(changes);
  }
}

std::vector<ledger::CallId> AdmissionService::NamesToldOf(const gate::Reservation& one) const {
  using Told = usage::records::Claims::Told;
  std::vector<ledger::CallId> names{on_.claims.IdOf(one.ns, one.id, Told::kRecorded, false),
                                    on_.claims.IdOf(one.ns, one.id, Told::kRecorded, true)};
  if (!one.key_taken) names.push_back(on_.claims.IdOf(one.ns, one.key));
  return names;
}

// Where a record told the call, its end books nothing; where one is being stored, it waits.
void AdmissionService::ClaimCall(Change& change, usage::records::Claims::Group& claims,
                                 Timestamp now) const {
  using usage::records::Claims;
  if (change.kind != Kind::kSettle && change.kind != Kind::kExpire) return;
  auto& one = change.settlement.reservation;
  auto found = Claims::Found::kBooked;
  if (one.recorded) {
    if (change.kind == Kind::kSettle) return;
  } else if (change.kind == Kind::kExpire) {
    found = on_.claims.Look(NamesToldOf(one));
  } else {
    const bool failed = one.fact.failed_calls > 0;
    const std::array others{on_.claims.IdOf(one.ns, one.id, Claims::Told::kRecorded, failed)};
    std::vector<ledger::CallId> names{
        on_.claims.IdOf(one.ns, one.id, Claims::Told::kSettled, failed)};
    if (!one.key_taken) names.push_back(on_.claims.IdOf(one.ns, one.key));
    if (!change.call_id.empty() && change.call_id != one.key)
      names.push_back(on_.claims.IdOf(one.ns, change.call_id));
    found = claims.Claim({.names = names, .others = others}, now);
  }
  change.later = found == Claims::Found::kBeingBooked;
  if (found != Claims::Found::kBooked) return;
  one.recorded = true;
  one.phase = gate::Phase::kSettled;
  change.settlement.book = Amounts();
  if (change.kind == Kind::kExpire) {
    one.lapsed = false;
  } else if (one.lapsed) {
    change.settlement.book -= one.estimate;
  }
}

ledger::Batch AdmissionService::BatchOf(const std::vector<Change>& changes) const {
  ledger::Batch batch;
  batch.source = on_.source;
  batch.beside = true;
  const auto now = on_.clock.Now();
  for (const auto& change : changes) {
    if (change.later) continue;
    const auto& one = change.settlement.reservation;
    batch.admissions.push_back(ToKept(one));
    const auto& book = change.settlement.book;
    const auto key = KeyOf(one);
    if (!book.IsZero()) batch.increments.push_back({key, now, book});
    const bool lapses = change.kind == Kind::kExpire && !one.recorded;
    if (!lapses && (!one.lapsed || change.kind == Kind::kAllow)) continue;
    ledger::JournalEntry entry;
    entry.kind = ledger::JournalKind::kEstimate;
    entry.at = now;
    entry.key = key;
    entry.amount = book;
    entry.reason = lapses ? "admission " + one.id + " expired at " + FormatUtc(one.expires) +
                                " and no fact came: booked at its estimate"
                          : "admission " + one.id + " had been booked at its estimate of $" +
                                one.estimate.cost.ToDecimal() + ": replaced by " +
                                (one.recorded ? "the record of the call" : "the fact");
    batch.journal.push_back(std::move(entry));
  }
  return batch;
}

ledger::SpendKey AdmissionService::KeyOf(const gate::Reservation& one) const {
  return {on_.source, one.ns, one.agent, one.model, one.task, one.workflow};
}

std::vector<ledger::Call> AdmissionService::CallsOf(const std::vector<Change>& changes,
                                                    Timestamp now) const {
  std::vector<ledger::Call> calls;
  for (const auto& change : changes) {
    const auto& one = change.settlement.reservation;
    if (change.kind != Kind::kSettle || change.later || one.recorded) continue;
    ledger::Call call;
    call.key = KeyOf(one);
    call.at = now;
    call.id = change.call_id.empty() ? one.id : change.call_id;
    call.provider = change.provider;
    call.outcome =
        one.fact.failed_calls > 0 ? ledger::Outcome::kFailure : ledger::Outcome::kSuccess;
    call.amounts = one.fact;
    calls.push_back(std::move(call));
  }
  return calls;
}

Status AdmissionService::Store(std::vector<Change>& changes) {
  const auto now = on_.clock.Now();
  usage::records::Claims::Group claims(on_.claims);
  for (auto& change : changes) ClaimCall(change, claims, now);
  auto batch = BatchOf(changes);
  const void* token = ledger::BatchToken(batch);
  const auto calls = CallsOf(changes, now);
  if (token != nullptr) on_.calls.Put(token, {calls, claims.ids(), now});
  const Status committed = on_.ledger.Commit(std::move(batch));
  if (token != nullptr) on_.calls.Drop(token);
  if (!committed.ok()) return committed;
  claims.Keep();
  // What is durable is not undone by who hears of it.
  const auto heard = Guarded([&] { TellRunaways(calls, now); });
  if (!heard.ok())
    spdlog::error("admissions: what was settled could not be told on: {}", heard.error().message());
  return committed;
}

void AdmissionService::TellRunaways(const std::vector<ledger::Call>& calls, Timestamp now) const {
  std::vector<controllers::CallOfNamespace> seen;
  for (const auto& call : calls) {
    if (!on_.runaways.Watches(call.key.ns)) continue;
    seen.push_back({call.key.ns,
                    {.id = call.id,
                     .at = call.at,
                     .agent = call.key.agent,
                     .task = call.key.task,
                     .model = call.key.model,
                     .input_tokens = call.amounts.input_tokens,
                     .failed = call.outcome != ledger::Outcome::kSuccess,
                     .heard = now}});
  }
  if (!seen.empty()) on_.runaways.Saw(seen);
}

void AdmissionService::CommitGroup(std::vector<Change>& changes) {
  const Status committed = Guarded([&] { return Store(changes); });
  if (!committed.ok())
    spdlog::error("admissions: {} could not be stored: {}", changes.size(),
                  committed.error().message());
  {
    const std::lock_guard lock(mutex_);
    std::set<std::string> namespaces;
    for (auto& change : changes) {
      Finish(change, committed);
      namespaces.insert(change.settlement.reservation.ns);
    }
    for (const auto& ns : namespaces) DeliverAll(gate_.Serve(ns, on_.clock.Now(), feed_));
  }
  for (auto& change : changes) {
    for (const auto& reply : change.replies) {
      if (committed.ok() && change.later) {
        reply->Send(http::ProblemOf(Error(ErrorCode::kUnavailable,
                                          "a record of this call is being stored; settle it again "
                                          "in a second")));
      } else if (committed.ok()) {
        reply->Send(Json(change.body));
      } else {
        reply->Send(http::ProblemOf(
            Error(ErrorCode::kUnavailable, "it could not be stored; ask again with the same key")));
      }
    }
  }
}

void AdmissionService::Finish(Change& change, const Status& committed) {
  const auto& one = change.settlement.reservation;
  if (!committed.ok() || change.later) {
    if (change.kind == Kind::kAllow) {
      gate_.Forget(one.id);
    } else {
      gate_.Failed(one.id);
      if (one.recorded) recorded_.push_back({one.id, one.fact});
    }
    return;
  }
  if (change.kind == Kind::kAllow) return;
  if (one.recorded) gate_.Recorded(one.id);
  if (change.kind == Kind::kSettle && !one.fact.IsZero()) Learn(one);
  auto sources = feed_.Sources(one.ns);
  sources.erase(on_.counted_in);
  if (change.kind == Kind::kCancel || sources.empty()) return gate_.Done(one.id);
  held_.push_back({one.id, on_.clock.Now(), std::move(sources)});
}

void AdmissionService::Learn(const gate::Reservation& reservation) {
  seen_.Add({reservation.ns, reservation.agent, reservation.task, reservation.model},
            reservation.fact);
}

}  // namespace purser::admissions
