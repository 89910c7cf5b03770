#include "admissions/admission_service.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "admissions/estimates.h"
#include "admissions/kept.h"
#include "base/guarded.h"
#include "base/pause.h"
#include "base/time_text.h"
#include "http/problem.h"

namespace purser::admissions {
namespace {

std::string RandomPrefix() {
  std::random_device random;
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(usage::records::kAdmissionPrefix);
  for (int digit = 0; digit < 20; ++digit) text += kDigits[random() % 16];
  return text + "-";
}

net::Answer Json(std::string body) { return {200, "application/json", std::move(body)}; }

}  // namespace

AdmissionService::AdmissionService(Dependencies dependencies)
    : on_(std::move(dependencies)),
      feed_(on_.caches, on_.board, on_.ledger, on_.clock),
      id_prefix_(RandomPrefix()) {
  alive_->service = this;
}

Result<std::unique_ptr<AdmissionService>> AdmissionService::Start(Dependencies dependencies) {
  std::unique_ptr<AdmissionService> service(new AdmissionService(std::move(dependencies)));
  PURSER_RETURN_IF_ERROR(service->Load());
  auto* self = service.get();
  service->committer_ = std::jthread([self](const std::stop_token& stop) { self->Commit(stop); });
  service->looker_ = std::jthread([self](const std::stop_token& stop) { self->Look(stop); });
  return service;
}

AdmissionService::~AdmissionService() {
  {
    const std::lock_guard lock(alive_->mutex);
    alive_->service = nullptr;
  }
  looker_.request_stop();
  committer_.request_stop();
}

Status AdmissionService::Load() {
  auto* log = on_.store.admission_log();
  if (log == nullptr) return Ok();
  const auto kept = log->Admissions();
  if (!kept) return kept.error();
  std::size_t open = 0;
  for (const auto& one : *kept) {
    auto reservation = FromKept(one);
    if (!reservation) {
      spdlog::error("{}; it is left out", reservation.error().message());
      continue;
    }
    open += gate::Ended(reservation->phase) ? 0 : 1;
    // A record of it may have been booked just before this process's forerunner died.
    if (reservation->phase == gate::Phase::kOpen || reservation->phase == gate::Phase::kLapsed) {
      if (on_.claims.Look(NamesToldOf(*reservation)) != usage::records::Claims::Found::kNew)
        recorded_.push_back({reservation->id, {}});
    }
    gate_.Restore(std::move(*reservation));
  }
  if (!kept->empty()) spdlog::info("admissions kept={} open={}", kept->size(), open);
  return Ok();
}

void AdmissionService::SyncNow(const std::string& ns, Timestamp now, bool always) {
  auto& synced = synced_[ns];
  // A clock set back must not keep old limits in force.
  if (!always && now >= synced && now - synced < kSyncEvery) return;
  synced = now;
  feed_.Sync(ns, gate_);
}

void AdmissionService::Ask(const Question& question, const http::Reply& reply) {
  const auto now = on_.clock.Now();
  std::string waits;
  {
    const std::lock_guard lock(mutex_);
    if (to_store_.size() >= kMostToStore) {
      reply->Send(http::ProblemOf(
          Error(ErrorCode::kResourceExhausted, "too many admissions wait for the disk")));
      return;
    }
    SyncNow(question.ns, now, false);
    auto answer = AskGate(question, now);
    if (answer.decision != gate::Decision::kQueue || question.wait <= Duration::zero())
      return Deliver(std::move(answer), {reply});
    auto& waiter = waiters_[answer.id];
    waiter.replies.push_back(reply);
    waiter.until = std::max(waiter.until, now + question.wait);
    waits = answer.id;
  }
  // Without the lock: it may be called at once.
  reply->OnGone([alive = alive_, waits, gone = reply.get()] {
    const std::lock_guard lock(alive->mutex);
    if (alive->service != nullptr) alive->service->Gone(waits, gone);
  });
}

gate::Answer AdmissionService::AskGate(const Question& question, Timestamp now) {
  const auto prices = on_.prices.Current();
  gate::Request request;
  request.id = id_prefix_ + std::to_string(next_id_++);
  request.key = question.key;
  const std::array key{on_.claims.IdOf(question.ns, question.key)};
  request.key_taken = on_.claims.Look(key) != usage::records::Claims::Found::kNew;
  request.ns = question.ns;
  request.agent = question.agent;
  request.task = question.task;
  request.workflow = question.workflow;
  request.model = question.model;
  request.estimate = Estimate(question, seen_, *prices);
  request.lives = question.lives;
  request.waits = question.wait > Duration::zero();
  request.others = Others(question, feed_.Agents(question.ns), seen_, *prices);
  auto asked = gate_.Ask(std::move(request), now, feed_);
  DeliverAll(std::move(asked.others));
  return std::move(asked.answer);
}

// Nothing is given to whoever went away: it would count as spent.
void AdmissionService::Gone(const std::string& id, const net::Exchange* reply) {
  const std::lock_guard lock(mutex_);
  const auto waiter = waiters_.find(id);
  if (waiter == waiters_.end()) return;
  std::erase_if(waiter->second.replies, [&](const auto& one) { return one.get() == reply; });
  if (!waiter->second.replies.empty()) return;
  waiters_.erase(waiter);
  gate_.Leave(id, on_.clock.Now());
}

std::string AdmissionService::NamespaceOf(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  if (const auto* kept = gate_.Find(id)) return kept->ns;
  const auto* ticket = gate_.waiting().Find(id);
  return ticket == nullptr ? "" : ticket->request.ns;
}

// The methods down to Push are called with mutex_ held.

void AdmissionService::Deliver(gate::Answer answer, std::vector<http::Reply> replies) {
  if (answer.decision != gate::Decision::kAllow) {
    for (const auto& reply : replies) reply->Send(Json(ToJson(answer)));
    return;
  }
  Change change;
  change.kind = Kind::kAllow;
  change.settlement.reservation = *gate_.Find(answer.id);
  change.replies = std::move(replies);
  change.body = ToJson(answer);
  Push(std::move(change));
}

void AdmissionService::DeliverAll(std::vector<gate::Answer> answers) {
  for (auto& answer : answers) {
    std::vector<http::Reply> replies;
    if (const auto waiter = waiters_.find(answer.id); waiter != waiters_.end()) {
      replies = std::move(waiter->second.replies);
      waiters_.erase(waiter);
    }
    Deliver(std::move(answer), std::move(replies));
  }
}

void AdmissionService::Push(Change change) {
  to_store_.push_back(std::move(change));
  came_.notify_all();
}

void AdmissionService::Settle(const std::string& id, const Fact& fact, const http::Reply& reply) {
  const auto prices = on_.prices.Current();
  const std::lock_guard lock(mutex_);
  const auto* kept = gate_.Find(id);
  const auto amounts = AmountsOf(fact, kept == nullptr ? "" : kept->model, *prices);
  const bool held =
      std::any_of(held_.begin(), held_.end(), [&](const Held& one) { return one.id == id; });
  if (held && kept != nullptr && kept->fact == amounts) {
    reply->Send(Json(EndedJson(id, amounts.cost, "Settled")));
    return;
  }
  auto settlement = gate_.Settle(id, amounts, on_.clock.Now());
  if (!settlement) {
    reply->Send(http::ProblemOf(settlement.error()));
    return;
  }
  auto body = EndedJson(id, settlement->reservation.fact.cost, "Settled");
  if (settlement->already) {
    reply->Send(Json(std::move(body)));
    return;
  }
  Push({Kind::kSettle, std::move(*settlement), {reply}, std::move(body), fact.id, fact.provider});
  // Its place among the calls at once is free.
  DeliverAll(gate_.Serve(to_store_.back().settlement.reservation.ns, on_.clock.Now(), feed_));
}

void AdmissionService::Cancel(const std::string& id, const http::Reply& reply) {
  const std::lock_guard lock(mutex_);
  auto settlement = gate_.Cancel(id, on_.clock.Now());
  if (!settlement) {
    reply->Send(http::ProblemOf(settlement.error()));
    return;
  }
  auto body = EndedJson(id, Money(), "Cancelled");
  if (settlement->already) {
    if (const auto waiter = waiters_.find(id); waiter != waiters_.end()) {
      for (const auto& each : waiter->second.replies) each->Send(Json(body));
      waiters_.erase(waiter);
    }
    reply->Send(Json(std::move(body)));
    return;
  }
  Push({Kind::kCancel, std::move(*settlement), {reply}, std::move(body)});
}

gate::Route AdmissionService::Route(const RouteQuestion& question) {
  const auto prices = on_.prices.Current();
  const std::lock_guard lock(mutex_);
  SyncNow(question.ns, on_.clock.Now(), false);
  auto candidates = Candidates(question, feed_.Agents(question.ns), seen_, *prices);
  for (auto& one : candidates) {
    one.pressure = feed_.Pressure(question.ns, one.agent, gate_);
    if (one.pressure >= 100 && one.excluded.empty()) one.excluded = "a budget of it is spent";
  }
  return gate::Choose(question.wish, candidates);
}

std::size_t AdmissionService::OpenOf(const std::string& ns) const {
  const std::lock_guard lock(mutex_);
  return gate_.OpenOf(ns);
}

// ---- The looking thread.

void AdmissionService::Look(const std::stop_token& stop) {
  while (Pause(kTick, stop)) {
    bool threw = false;
    const Status looked = Guarded(
        [&]() -> Status {
          LookOnce();
          return Ok();
        },
        threw);
    if (threw) spdlog::error("admissions: {}; looking again", looked.error().message());
  }
}

void AdmissionService::LookOnce() {
  const auto now = on_.clock.Now();
  std::vector<std::pair<http::Reply, std::string>> late;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(held_, [&](const Held& held) {
      const bool read =
          std::all_of(held.sources.begin(), held.sources.end(), [&](const std::string& source) {
            const auto health = on_.ledger.Health(source);
            return health.last_read && *health.last_read >= held.ended + on_.meter_delay;
          });
      if (read) gate_.Done(held.id);
      return read;
    });
    std::erase_if(recorded_, [&](const ToldByRecord& told) {
      return EndRecorded(told.id, told.amounts, now);
    });
    for (auto& settlement : gate_.Expire(now)) {
      spdlog::warn("admission {} of agent {}/{} expired without a fact; booked at its estimate",
                   settlement.reservation.id, settlement.reservation.ns,
                   settlement.reservation.agent);
      Push({Kind::kExpire, std::move(settlement), {}, ""});
    }
    for (const auto& ns : gate_.Namespaces()) {
      SyncNow(ns, now, true);
      DeliverAll(gate_.Serve(ns, now, feed_));
    }
    for (auto waiter = waiters_.begin(); waiter != waiters_.end();) {
      const auto* ticket = gate_.waiting().Find(waiter->first);
      if (ticket != nullptr && waiter->second.until > now) {
        ++waiter;
        continue;
      }
      std::string body = R"({"decision":"Queue","reason":"Deadline"})";
      if (ticket != nullptr) {
        gate_.Leave(waiter->first, now);
        gate::Answer answer;
        answer.decision = gate::Decision::kQueue;
        answer.id = waiter->first;
        answer.position = gate_.waiting().PositionOf(waiter->first);
        answer.retry_after = std::chrono::seconds(1);
        answer.reason = "StillQueued";
        answer.message = "nothing was free in time; ask again with the same key to keep the place";
        body = ToJson(answer);
      }
      for (auto& reply : waiter->second.replies) late.emplace_back(std::move(reply), body);
      waiter = waiters_.erase(waiter);
    }
  }
  for (auto& [reply, body] : late) reply->Send(Json(std::move(body)));
}

}  // namespace purser::admissions
