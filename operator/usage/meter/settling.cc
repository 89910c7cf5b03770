// What is held, or was booked unproved, and is settled by a start time that shows itself later.
#include <algorithm>

#include "usage/meter/counter_rules.h"

namespace purser::usage {
namespace {

using ledger::JournalKind;

// How far the clocks of a target and of the source may lie apart.
constexpr Duration kSkew = std::chrono::minutes(1);

Timestamp AtOf(const Claim& claim) { return TimeOf(claim.at) + Duration(claim.ms); }

}  // namespace

void CounterRules::HoldFor(Now& now, Claim::Of of, std::int64_t amount, std::string_view reason) {
  if (amount <= 0) return;
  Hold(now, JournalKind::kDoubt, amount, reason);
  if (!now.identity.writers)
    now.identity.ChangePast().AddClaim(MakeClaim(of, now.at, now.identity.at(), amount));
}

// Asked again after 4, 8, 16 … scrapes: what scrapes the process may come later than the metric.
std::optional<std::int64_t> CounterRules::Claimed(const Past& past, Timestamp at) const {
  const auto due = [&](Seconds since) {
    const auto scrapes =
        (at - TimeOf(since)) / std::max<Duration>(rules_.scrape_interval, Duration(1));
    return scrapes >= 4 && (scrapes & (scrapes - 1)) == 0;
  };
  for (const auto& claim : past.claims) {
    if (claim.of != Claim::Of::kProved && due(claim.at)) return claim.amount;
  }
  for (const auto& step : past.steps) {
    if (step.fell && due(step.at)) return step.amount;
  }
  return std::nullopt;
}

// Whether the start decides, and for what.
std::optional<bool> CounterRules::Proves(const Claim& claim, const Series& series,
                                         Timestamp start) const {
  const Timestamp at = AtOf(claim);
  const Timestamp last = TimeOf(claim.last);
  if (start > at) return std::nullopt;
  const bool plausible = PlausibleFirst(series.subject, {at, claim.amount}, start);
  switch (claim.of) {
    case Claim::Of::kFirst:
      if (plausible) return true;
      break;
    case Claim::Of::kFall:
      if (plausible && start > last) return true;
      break;
    case Claim::Of::kHandOver:
      if (start > last) return true;
      if (start < last - kSkew) return false;
      break;
    case Claim::Of::kProved:
      return true;
  }
  return std::nullopt;
}

void CounterRules::Settle(Now& now, std::optional<Timestamp> start) {
  Identity& identity = now.identity;
  if (identity.past->claims.empty() && identity.past->steps.empty()) return;
  std::vector<Claim> left;
  for (const auto& claim : identity.past->claims) {
    const bool returned = claim.of == Claim::Of::kProved;
    if (!start && !returned) {
      left.push_back(claim);
      continue;
    }
    const auto money = returned ? true : Proves(claim, now.series, *start);
    if (!money) continue;
    books_.Write(now.series.subject,
                 {JournalKind::kDoubt,
                  AtOf(claim),
                  {},
                  {},
                  *money ? claim.amount : 0,
                  false,
                  true,
                  claim.amount},
                 returned ? "the series it was thought to go on from goes on itself: it was spent"
                 : *money ? "its start time, which showed itself later, proves that it was spent"
                          : "its start time, which showed itself later, shows that it goes on from "
                            "another series: that was no spend of its own");
  }
  if (left.size() != identity.past->claims.size()) identity.ChangePast().claims = std::move(left);
  if (start) Clear(now, *start);
}

// What was booked for restarts before which it had begun is taken back.
void CounterRules::Clear(Now& now, Timestamp start) {
  const auto refuted = [&](const Unproved& step) {
    return step.fell && start <= TimeOf(step.at) - kSkew - rules_.scrape_interval * 2;
  };
  const auto steps = now.identity.past->steps;
  if (std::ranges::none_of(steps, refuted)) return;
  std::erase_if(now.identity.ChangePast().steps, refuted);
  for (const auto& step : steps) {
    if (!refuted(step)) continue;
    const Timestamp at = TimeOf(step.at);
    books_.Book(now.series.subject, at, -step.amount);
    books_.Write(now.series.subject, {JournalKind::kReversal, at, {}, {}, -step.amount},
                 "taken back: it had begun before it fell, as its start time shows");
    books_.Write(now.series.subject, {JournalKind::kDoubt, at, {}, {}, step.amount, true},
                 "fell although it began before: no restart, but another writer or a counter made "
                 "anew");
  }
}

}  // namespace purser::usage
