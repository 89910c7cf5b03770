#include "app/leadership.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "app/ledger_claim.h"
#include "base/pause.h"

namespace purser::app {
namespace {

constexpr std::chrono::seconds kAskEvery{5};
constexpr std::chrono::seconds kBetweenTerms{2};
constexpr std::chrono::milliseconds kLookEvery{500};
constexpr int kClaimTries = 3;

kube::CallOptions CallUntil(const std::stop_token& stop) {
  kube::CallOptions call;
  call.timeout = std::chrono::seconds(5);
  call.stop = stop;
  call.wait_if_asked = false;
  call.without_managed_fields = true;
  return call;
}

}  // namespace

Leadership::Leadership(kube::Client& client, Clock& wall_clock, const Progress& progress,
                       LeadershipOptions options)
    : client_(client), wall_clock_(wall_clock), progress_(progress), options_(std::move(options)) {}

std::optional<std::string> Leadership::Refusal() const {
  const std::lock_guard lock(mutex_);
  return refusal_;
}

std::string Leadership::Leader() const {
  const std::lock_guard lock(mutex_);
  return leader_;
}

void Leadership::SetRefusal(std::optional<std::string> refusal) {
  const std::lock_guard lock(mutex_);
  refusal_ = std::move(refusal);
}

std::optional<std::string> Leadership::Stuck() const {
  const auto item = progress_.StuckFor(2 * options_.stuck_after);
  if (!item) return std::nullopt;
  const auto took =
      std::chrono::floor<std::chrono::seconds>(std::chrono::steady_clock::now() - item->since);
  return item->what + " has been under way for " + std::to_string(took.count()) + " s";
}

void Leadership::WatchProgress(const std::stop_token& stop, const std::function<void()>& end_term) {
  while (Pause(kLookEvery, stop)) {
    const auto item = progress_.StuckFor(options_.stuck_after);
    if (!item) continue;
    spdlog::error(
        "{} has been under way for more than {} s: ending this term of leading; the volume of {} "
        "or "
        "the API server may hang",
        item->what, options_.stuck_after.count(), options_.ledger);
    return end_term();
  }
}

Status Leadership::Run(const std::stop_token& stop,
                       const std::function<Result<std::string>()>& ledger_id, const Lead& lead) {
  while (!stop.stop_requested()) {
    auto id = ledger_id();
    if (!id) return id.error();
    const auto ended = RunTerm(stop, *id, lead);
    if (stop.stop_requested()) return ended;
    if (!ended.ok()) {
      if (!options_.elects || ended.error().code() != ErrorCode::kFenced) return ended;
      spdlog::error("{}", ended.error().message());
    }
    Pause(kBetweenTerms, stop);
  }
  return Ok();
}

Status Leadership::RunTerm(const std::stop_token& stop, const std::string& ledger_id,
                           const Lead& lead) {
  std::stop_source term;
  const std::stop_callback on_stop(stop, [&term] { term.request_stop(); });
  if (!options_.elects) {
    const std::jthread watchdog([&](const std::stop_token& ended) {
      WatchProgress(ended, [&term] { term.request_stop(); });
    });
    return lead(term.get_token());
  }

  if (!WaitUntilAccepted(ledger_id, stop)) return Ok();
  kube::LeaderElectionOptions election;
  election.lease = options_.lease;
  election.identity = options_.identity;
  election.on_problem = [this](const Error& error) {
    spdlog::warn("lease={} {} ({}); retrying", options_.lease.ToString(), error.message(),
                 ToString(error.code()));
  };
  election.on_holder = [this](const std::string& holder) {
    const std::lock_guard lock(mutex_);
    leader_ = holder;
  };
  kube::LeaderElector elector(client_, election);
  elector.Start();
  spdlog::info("waiting to lead lease={} identity={}", options_.lease.ToString(),
               options_.identity);
  Status ended = Ok();
  const std::stop_callback on_loss(elector.Lost(), [&term] { term.request_stop(); });
  // Another ledger may have led meanwhile.
  if (elector.WaitForLeadership(stop) && Claim(ledger_id, term.get_token())) {
    const std::jthread watchdog(
        [&](const std::stop_token& over) { WatchProgress(over, [&] { elector.Abandon(); }); });
    ended = lead(term.get_token());
    if (elector.Lost().stop_requested() && !stop.stop_requested()) {
      spdlog::error(
          "leadership of {} was lost: another replica leads, or the API server was away, or work "
          "was stuck; waiting to lead again",
          options_.lease.ToString());
    }
  }
  elector.Stop();
  return ended;
}

bool Leadership::WaitUntilAccepted(const std::string& ledger_id, const std::stop_token& stop) {
  std::string told;
  while (!stop.stop_requested()) {
    const auto claim = ReadClaim(client_, options_.lease, ledger_id, options_.ledger,
                                 options_.ephemeral, CallUntil(stop));
    if (claim && claim->claim != LedgerClaim::kRefused) {
      SetRefusal(std::nullopt);
      return true;
    }
    const std::string problem = claim ? claim->refusal : claim.error().message();
    if (claim) SetRefusal(problem);
    if (problem != told && !stop.stop_requested()) {
      told = problem;
      if (claim) {
        spdlog::error("lease={} {}", options_.lease.ToString(), problem);
        Record(claim->uid, kube::EventType::kWarning, "LedgerRefused", problem);
      } else {
        spdlog::warn("lease={} {} ({}); retrying", options_.lease.ToString(), problem,
                     ToString(claim.error().code()));
      }
    }
    Pause(kAskEvery, stop);
  }
  return false;
}

bool Leadership::Claim(const std::string& ledger_id, const std::stop_token& stop) {
  for (int i = 0; i < kClaimTries; ++i) {
    if (i > 0 && !Pause(std::chrono::seconds(1), stop)) return false;
    auto claim = ReadClaim(client_, options_.lease, ledger_id, options_.ledger, options_.ephemeral,
                           CallUntil(stop));
    if (claim && claim->claim == LedgerClaim::kRefused) return false;
    if (claim && claim->claim == LedgerClaim::kOurs) return true;
    const auto written =
        claim ? WriteClaim(client_, options_.lease, ledger_id, CallUntil(stop)) : claim.error();
    if (written.ok()) {
      if (claim->claim == LedgerClaim::kAccepted) {
        auto note = "the ledger " + ledger_id + " (" + options_.ledger + ") leads from now on";
        note +=
            options_.ephemeral
                ? ", " + claim->before +
                      " ended with its pod (--ephemeral-ledger): what was spent before is known "
                      "as far as Prometheus and the budgets' own statuses tell"
                : ", as was asked by " + std::string(kAcceptLedgerAnnotation);
        spdlog::warn("lease={} {}", options_.lease.ToString(), note);
        Record(claim->uid, kube::EventType::kWarning, "LedgerAccepted", note);
      }
      return true;
    }
    spdlog::warn("lease={} the ledger's id cannot be written: {} ({})", options_.lease.ToString(),
                 written.error().message(), ToString(written.error().code()));
  }
  return false;
}

void Leadership::Record(const std::string& uid, kube::EventType type, const char* reason,
                        const std::string& note) {
  kube::EventOptions event_options;
  event_options.instance = options_.identity;
  event_options.posted_after = Duration::zero();
  kube::ApiEventRecorder events(client_, wall_clock_, event_options);
  const auto& lease = kube::LeaseType();
  events.Record({lease.ApiVersion(), lease.kind, options_.lease.ns, options_.lease.name, uid}, type,
                reason, "Lead", note);
}

}  // namespace purser::app
