#include "usage/meter/counter_rules.h"

#include <algorithm>

namespace purser::usage {
namespace {

using ledger::JournalKind;

// A start that is told twice may differ by the rounding of seconds.
constexpr Seconds kSameStart = 1;
// How far the clocks of a target and of the source may lie apart.
constexpr Duration kSkew = std::chrono::minutes(1);
// A rise so many times above what was learned is one of the largest.
constexpr std::int64_t kLargeStep = 10;
// One step teaches at most this share of what is plausible without learning, or twice what is
// known.
constexpr std::int64_t kSlowly = 16;
// Changes of a value that are remembered: then half of them are forgotten.
constexpr std::uint8_t kMostChanges = 64;

// Rises that follow one another within this time, each at most so many times the other, are spend:
// from so many on, and if nothing earned as much before from twice as many.
constexpr Duration kSoon = std::chrono::minutes(5);
constexpr std::int64_t kAlike = 3;
constexpr int kSteady = 3;
constexpr int kFarTooMany = 6;

}  // namespace

std::int64_t OneOf(Quantity quantity) {
  switch (quantity) {
    case Quantity::kCost:
      return 1'000'000'000;
    case Quantity::kCalls:
    case Quantity::kFailedCalls:
      return 1'000;
    case Quantity::kInputTokens:
    case Quantity::kOutputTokens:
    case Quantity::kCachedTokens:
    case Quantity::kCacheCreationTokens:
    case Quantity::kReasoningTokens:
      return 1'000'000;
    case Quantity::kLatency:
      return 3'600'000;
  }
  return 1;
}

std::int64_t CounterRules::Learnable(const Subject& subject, Timestamp at, Duration time) const {
  const auto rate = rates_.Of(subject.key, subject.quantity, at);
  if (rate == 0 || time <= Duration::zero()) return 0;
  return MultiplyDivide(MultiplyDivide(rate, kTimesLearned, 1), time.count(), 1000);
}

std::int64_t CounterRules::Floor(Quantity quantity, Duration time) const {
  const auto floor = quantity == Quantity::kCost ? std::max<std::int64_t>(rules_.cost_per_second, 0)
                                                 : OneOf(quantity);
  return MultiplyDivide(floor, time.count(), 1000);
}

std::int64_t CounterRules::Earnable(const Subject& subject, Timestamp at, Duration time) const {
  if (time <= Duration::zero()) return 0;
  return std::max(Floor(subject.quantity, time), Learnable(subject, at, time));
}

std::int64_t CounterRules::Likely(const Subject& subject, Timestamp at) const {
  return std::max(Floor(subject.quantity, rules_.scrape_interval),
                  Learnable(subject, at, rules_.scrape_interval) / kTimesLearned);
}

bool CounterRules::PlausibleFirst(const Subject& subject, const Sample& sample,
                                  std::optional<Timestamp> start) const {
  Duration time = std::max<Duration>(rules_.scrape_interval * 2, kShortestFirst);
  if (start && sample.at - *start <= kLongestUnseen)
    time = std::max<Duration>(sample.at - *start + rules_.scrape_interval, kShortestFirst * 2);
  return sample.value <= Earnable(subject, sample.at, time);
}

std::optional<CounterRules::Stake> CounterRules::WorthAsking(const Identity& identity,
                                                             const Series& series,
                                                             const Sample& sample) const {
  if (series.aggregated || identity.not_counter) return std::nullopt;
  const std::int64_t last = identity.value;
  const Subject& subject = series.subject;
  if (sample.value < last) {
    // As little as it earns in a scrape: it may have begun again and come to about the same.
    const bool little = sample.value <= Learnable(subject, sample.at, rules_.scrape_interval);
    if (!little && IsDip(subject, sample.at, sample.value, std::max(last, identity.top)))
      return std::nullopt;
    if (identity.returns > 0 && Match(identity, series, sample.at, sample.value))
      return std::nullopt;
    return Stake{true, sample.value};
  }
  if (identity.past) {
    if (const auto claimed = Claimed(*identity.past, sample.at)) return Stake{false, *claimed};
  }
  // Silent for a scrape, or more than it earns: it may have begun again above the old value.
  const Duration gap = sample.at - identity.at();
  if (sample.value == last || identity.top != Identity::kNone) return std::nullopt;
  if (last < OneOf(subject.quantity) / 100) return std::nullopt;
  const bool silent = gap * 2 > rules_.scrape_interval * 3;
  const auto most = Earnable(subject, sample.at, std::max<Duration>(gap, kShortestFirst * 2));
  if (sample.value > most) return std::nullopt;
  if (!silent && sample.value - last <= Learnable(subject, sample.at, gap)) return std::nullopt;
  return Stake{false, last};
}

void CounterRules::Step(Identity& identity, const Series& series, const Sample& sample,
                        std::optional<Timestamp> start, bool taken_over) {
  Expire(identity, sample.at);
  Now now{identity, series, sample.at, sample.value, identity.value, sample.at - identity.at()};
  const bool changes = sample.value != identity.value;
  // Shown unchanged it may be the last of a client that has moved on.
  if (identity.handed_over && changes) RefuteHandOver(identity, series, sample.at);
  if (identity.past && !taken_over) Settle(now, start);
  Judge(now, start, taken_over);
  if (changes) identity.changed = SecondsOf(sample.at);
  identity.time = sample.at.time_since_epoch().count();
  identity.value = sample.value;
}

void CounterRules::Expire(Identity& identity, Timestamp at) {
  const Seconds horizon = SecondsOf(at - kRemember);
  if (identity.past) ExpirePast(identity, horizon);
  if (identity.fell == 0 || identity.fell >= horizon) return;
  identity.fell = 0;
  identity.returns = 0;
  identity.changes = 0;
  identity.falls = 0;
  identity.writers = false;
  identity.not_counter = false;
  identity.suspect = false;
  identity.jumped = false;
  identity.only_rose = false;
}

void CounterRules::ExpirePast(Identity& identity, Seconds horizon) {
  const Past& past = *identity.past;
  const Tracks& tracks = past.tracks;
  const bool old = (tracks.size() > 0 && tracks.at(tracks.size() - 1) < horizon) ||
                   (!past.claims.empty() && past.claims.front().at < horizon);
  const bool over = identity.fell != 0 && identity.fell < horizon;
  if (!old && !over) return;
  Past& changed = identity.ChangePast();
  changed.tracks.ForgetBefore(horizon);
  std::erase_if(changed.claims, [&](const Claim& claim) { return claim.at < horizon; });
  if (over || (identity.fell == 0 && changed.tracks.size() == 0)) {
    changed.steps.clear();
    changed.unsure = 0;
    changed.missed = 0;
  }
  if (changed == Past()) identity.past.reset();
}

void CounterRules::Judge(Now& now, std::optional<Timestamp> start, bool taken_over) {
  Identity& identity = now.identity;
  if (identity.not_counter) {
    if (now.value == now.last) return;
    if (now.value < now.last) identity.fell = SecondsOf(now.at);
    Hold(now, JournalKind::kNotACounter, now.value,
         "not a counter; if each sample is what was spent since the last one, this is spend");
    return;
  }
  if (start) {
    const bool began = Began(now, *start);
    identity.start = SecondsOf(*start);
    if (began && Restarted(now, *start)) return;
    if (!began && now.value < now.last && !taken_over && !now.series.aggregated &&
        !IsDip(now.series.subject, now.at, now.value, std::max(now.last, identity.top)))
      return Disproved(now);
  }
  if (!start) TellGap(now);
  if (taken_over && now.value < now.last) return TakenOver(now);
  if (identity.top != Identity::kNone && BelowTop(now)) return;
  if (const auto track = Match(identity, now.series, now.at, now.value))
    return OtherWriter(now, *track);
  if (now.value < now.last && !identity.writers &&
      IsDip(now.series.subject, now.at, now.value, now.last) && !StaysLow(now, now.last))
    return Dip(now);
  if (const auto track = LandsOn(now)) return OtherWriter(now, *track, false);
  if (now.value >= now.last) return Rise(now, now.last);
  Fall(now);
}

// Above the old value after a silence, and no start is told: it may have begun again meanwhile. No
// sample will ever tell; the journal does.
void CounterRules::TellGap(Now& now) {
  if (now.gap * 2 <= rules_.scrape_interval * 3 || now.value <= now.last) return;
  if (now.series.aggregated || now.last < OneOf(now.series.subject.quantity)) return;
  if (now.value > Learnable(now.series.subject, now.at, now.gap)) return;
  books_.Write(now.series.subject, {JournalKind::kGap, now.at, now.last, now.value, 0, false},
               "not seen for " + std::to_string(now.gap.count() / 1000) +
                   " s: if it began again meanwhile, what it had shown before was spent once more");
}

bool CounterRules::Began(const Now& now, Timestamp start) const {
  const Seconds told = SecondsOf(start);
  const Seconds known = now.identity.start;
  if (known != 0 && (told > known ? told - known : known - told) <= kSameStart) return false;
  const Timestamp base = now.identity.at();
  if (start > base) return true;
  if (now.value >= now.last) return false;
  // It fell, and what is told of its start differs by less than clocks do.
  return known != 0 ? told > known && start > base - kSkew : start > base - rules_.scrape_interval;
}

bool CounterRules::Restarted(Now& now, Timestamp start) {
  Identity& identity = now.identity;
  const Subject& subject = now.series.subject;
  const Books::Entry entry{JournalKind::kRestart, now.at, now.last, now.value, now.value, false};
  if (!PlausibleFirst(subject, {now.at, now.value}, start)) {
    if (now.value >= now.last) return false;
    Remember(now, now.last);
    Hold(now, JournalKind::kDoubt, now.value,
         "its process began again, and shows more than it can have earned since");
    return true;
  }
  LeaveTop(now);
  if (identity.past) {
    Past& past = identity.ChangePast();
    past.tracks.Clear();
    past.unsure = 0;
    past.missed = 0;
    if (!identity.writers) past.steps.clear();
  }
  identity.rooted = true;
  if (!identity.writers) {
    identity.fell = 0;
    identity.returns = 0;
    identity.suspect = false;
    identity.jumped = false;
    identity.only_rose = false;
  }
  Book(now, now.value);
  if (now.value >= OneOf(subject.quantity)) {
    books_.Write(subject, entry, "began again: its start time is after the last sample");
  } else if (now.value > 0) {
    books_.WriteSmall(subject, entry);
  }
  return true;
}

// A member comes once, with whatever total; what rises by about as much time after time is spent.
bool CounterRules::RisesSteadily(Now& now, std::int64_t rise) {
  Past& past = now.identity.ChangePast();
  const auto time = std::max(now.gap, rules_.scrape_interval).count();
  const auto rate = MultiplyDivide(rise, 1000, std::max<std::int64_t>(time, 1));
  const bool soon = past.rises > 0 && now.at - TimeOf(past.rose) <= kSoon;
  const bool alike = soon && rate / kAlike <= past.rise_rate && past.rise_rate / kAlike <= rate;
  past.rises = alike ? static_cast<std::uint8_t>(std::min(past.rises + 1, kFarTooMany)) : 1;
  past.rose = SecondsOf(now.at);
  past.rise_rate = rate;
  const bool plausible = rise <= Earnable(now.series.subject, now.at, now.gap);
  return past.rises >= (plausible ? kSteady : kFarTooMany);
}

void CounterRules::Rise(Now& now, std::int64_t from) {
  Identity& identity = now.identity;
  const Subject& subject = now.series.subject;
  const std::int64_t rise = now.value - from;
  if (rise == 0) return;
  const auto learned = Learnable(subject, now.at, now.gap);
  CountChange(now, identity.writers && rise > std::max(now.last / 100, learned));
  if (identity.writers && rise > std::max(now.last / 100, learned)) {
    if (NoWriterEither(now)) return;
    Missed(now, now.last);
    Hold(now, JournalKind::kDoubt, rise,
         "several writers answer in turns: the step may be from one to another");
    return Remember(now, now.last);
  }
  // More than twice the largest rate seen: a member with a past may have come.
  if (now.series.aggregated && rise > learned / 2 && rise >= OneOf(subject.quantity) / 10 &&
      (rise > Earnable(subject, now.at, std::max<Duration>(now.gap, kShortestFirst / 2)) ||
       !MayBeUnsure(now, rise)) &&
      !RisesSteadily(now, rise)) {
    Hold(now, JournalKind::kDoubt, rise,
         "a sum over several rose by more than was plausible: it may have gained a member");
    return Remember(now, now.last);
  }
  Book(now, rise);
  identity.rooted = true;
  if (identity.fell != 0) Missed(now, now.value - rise);
  if (identity.writers) return;
  const bool jump = rise > learned && rise >= OneOf(subject.quantity) / 10;
  if (jump) {
    // It may be one to another writer: taken back when that shows.
    if (identity.fell == 0) Missed(now, now.value - rise);
    Suspect(now, false);
    identity.ChangePast().AddStep({SecondsOf(now.at), rise, false});
    if (const auto track = Resembles(now)) {
      identity.jumped = true;
      identity.ChangePast().tracks.Remove(*track);
    }
    Remember(now, now.last);
  }
  const auto time = std::max(now.gap, rules_.scrape_interval);
  const auto rate = MultiplyDivide(rise, 1000, std::max<std::int64_t>(time.count(), 1));
  const auto known = rates_.Of(subject.key, subject.quantity, now.at);
  if (rise > OneOf(subject.quantity) && rate / kLargeStep > known) {
    books_.Write(subject, {JournalKind::kLargeStep, now.at, from, now.value, rise, false},
                 "more than ten times the rate known until now; booked");
  }
  // After a fall a step may be one from another writer: only what is plausible teaches. And one
  // step alone never teaches much.
  if (identity.has_fallen() && rise > learned) return;
  const bool slowly = jump || (now.series.aggregated && rise > learned / kTimesLearned);
  const auto most = slowly ? std::max(Earnable(subject, now.at, std::chrono::seconds(1)) / kSlowly,
                                      MultiplyDivide(known, 2, 1))
                           : rate;
  rates_.Learn(subject.key, subject.quantity, std::min(rate, most), now.at);
}

void CounterRules::CountChange(Now& now, bool fell) {
  Identity& identity = now.identity;
  if (identity.changes >= kMostChanges) {
    identity.changes = static_cast<std::uint8_t>(identity.changes / 2);
    identity.falls = static_cast<std::uint8_t>(identity.falls / 2);
  }
  ++identity.changes;
  if (fell) ++identity.falls;
}

void CounterRules::Book(Now& now, std::int64_t amount) {
  books_.Book(now.series.subject, now.at, amount);
}

void CounterRules::Hold(Now& now, JournalKind kind, std::int64_t amount, std::string_view reason) {
  if (amount <= 0) return;
  books_.Write(now.series.subject, {kind, now.at, now.last, now.value, amount, true}, reason);
}

void CounterRules::Remember(Now& now, std::int64_t value) {
  now.identity.ChangePast().tracks.Push(value, SecondsOf(now.identity.at()));
}

void CounterRules::Suspect(Now& now, bool fell) {
  Identity& identity = now.identity;
  if (identity.fell == 0) {
    identity.fell = SecondsOf(now.at);
    identity.returns = 0;
    identity.only_rose = !fell;
  } else if (fell) {
    if (identity.writers) identity.fell = SecondsOf(now.at);
    identity.only_rose = false;
  }
}

void CounterRules::RefuteHandOver(Identity& identity, const Series& series, Timestamp at) {
  identity.handed_over = false;
  books_.Write(series.subject,
               {JournalKind::kDoubt, at, std::nullopt, identity.value, identity.value, true},
               "taken for ended and handed over to another series, which was not booked so far; it "
               "goes on: that may have been spend of its own");
}

}  // namespace purser::usage
