// What a series shows first: spend of its own, an old counter, or another series under a new name.
#include <algorithm>

#include "usage/meter/implementation.h"

namespace purser::usage {
namespace {

using ledger::JournalKind;

// As many small totals at once that stood under another pod before are no chance.
constexpr int kSeveral = 3;

}  // namespace

// Whether totals of several clients at once may stand under a new pod.
bool Meter::Implementation::IsRollout(std::span<const Deferred* const> all) {
  int moved = 0;
  for (const Deferred* deferred : all) {
    if (!deferred->small || identities_.Find(deferred->identity) != kNobody) continue;
    if (const auto found = FindClient(*deferred); found.from != kNobody || found.undecided) ++moved;
  }
  return moved >= kSeveral;
}

HandOver::Found Meter::Implementation::FindClient(const Deferred& deferred) {
  const auto samples = deferred_.SamplesOf(deferred);
  const Subject subject{deferred.key, deferred.quantity, {}, deferred.text};
  return hand_over_.FindClient({subject, samples.front(), samples.back().at}, deferred.client);
}

// It was thought to go on elsewhere and goes on here: what was held there of it was spent twice
// indeed, once here and once there.
void Meter::Implementation::Returned(Identity& identity, std::uint32_t key,
                                     std::span<const Sample> samples) {
  const auto moved = [&](const Sample& sample) {
    return sample.at > identity.at() && sample.value >= 0 && sample.value != identity.value;
  };
  if (!identity.handed_over || std::ranges::none_of(samples, moved)) return;
  const auto fits = [&](const Claim& claim) {
    return claim.of == Claim::Of::kHandOver && claim.amount == identity.value;
  };
  Number taker = kNobody;
  identities_.Each(key, [&](Number number) {
    const auto& past = identities_[number].past;
    if (past && std::ranges::any_of(past->claims, fits)) taker = number;
  });
  if (taker == kNobody) return;
  auto& claims = identities_.Touch(taker).ChangePast().claims;
  std::ranges::find_if(claims, fits)->of = Claim::Of::kProved;
  identity.handed_over = false;
}

// Nobody: not to be judged yet.
Number Meter::Implementation::ProcessFirst(const Deferred& deferred, const Series& series,
                                           std::span<const Sample> samples) {
  const Sample& first = samples.front();
  const Subject& subject = series.subject;
  const auto start = StartAt(deferred, 0, first.at);
  const bool plausible = counter_.PlausibleFirst(subject, first, start);
  const auto found =
      deferred.small ? (rollout_ ? FindClient(deferred) : HandOver::Found())
                     : hand_over_.Find({subject, first, samples.back().at, plausible, start}, at_);
  if (found.from == kNobody && found.undecided) return kNobody;
  const Number number = Make(deferred.identity, deferred.raw, deferred.client, subject, first);
  Identity& identity = identities_.Touch(number);
  if (start) identity.start = SecondsOf(*start);
  if (found.from != kNobody) {
    Identity& ended = identities_.Touch(found.from);
    ended.handed_over = true;
    identity.rooted = true;
    const auto growth = std::max<std::int64_t>(first.value - ended.value, 0);
    if (ended.value > first.value) {
      identity.top = ended.value;
      identity.low = first.value;
      identity.dipped = SecondsOf(first.at);
    }
    books_.Book(subject, first.at, growth);
    books_.Write(
        subject, {JournalKind::kHandOver, first.at, ended.value, first.value, growth, false},
        "goes on where another series of the same ended: only what lies between is booked");
    const bool old = start && *start < ended.at() - std::chrono::minutes(1);
    if (plausible && !deferred.small && !old) {
      books_.Write(subject, {JournalKind::kDoubt, first.at, {}, first.value, ended.value, true},
                   "may go on where another series ended, or have earned all of it: the rest is "
                   "not booked");
      identity.ChangePast().AddClaim(
          MakeClaim(Claim::Of::kHandOver, first.at, ended.at(), ended.value));
    }
    return number;
  }
  if (plausible) {
    books_.Book(subject, first.at, first.value);
    books_.Write(subject, {JournalKind::kFirstValue, first.at, {}, first.value, first.value, false},
                 start ? "a new series: it can have earned that since it began"
                       : "a new series: it can have earned that lately");
    return number;
  }
  books_.Write(subject, {JournalKind::kDoubt, first.at, {}, first.value, first.value, true},
               start ? "a new series shows more than it can have earned since it began"
                     : "a new series shows more than it can have earned lately, and when it began "
                       "is not known: perhaps an old counter");
  if (!start)
    identity.ChangePast().AddClaim(MakeClaim(Claim::Of::kFirst, first.at, first.at, first.value));
  return number;
}

}  // namespace purser::usage
