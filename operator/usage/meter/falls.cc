// Falls of a counter that nothing proves to be restarts: dips, other writers, sums that lose one.
#include <algorithm>

#include "usage/meter/counter_rules.h"

namespace purser::usage {
namespace {

using ledger::JournalKind;

// A twin that lags reaches the top of the one it follows within this time.
constexpr Duration kCatchUp = std::chrono::minutes(10);
// A dip is at most what may be earned in so many scrapes.
constexpr int kDipScrapes = 4;

constexpr std::string_view kWritersOrDeltas =
    "the value fell and came back: several writers answer in turns, or each sample is what was "
    "spent since the last one";

}  // namespace

bool CounterRules::IsDip(const Subject& subject, Timestamp at, std::int64_t value,
                         std::int64_t from) const {
  const std::int64_t fall = from - value;
  const std::int64_t share = from >= OneOf(subject.quantity) ? from / 100 : from / 1000;
  return fall <= share && fall <= Earnable(subject, at, rules_.scrape_interval * kDipScrapes);
}

void CounterRules::Dip(Now& now) {
  Identity& identity = now.identity;
  const Seconds at = SecondsOf(now.at);
  // Replicas that take turns dip at every other scrape: once an hour is enough.
  if (identity.dipped == 0 || TimeOf(identity.dipped) + kRemember < now.at) {
    books_.Write(now.series.subject, {JournalKind::kDip, now.at, now.last, now.value, 0, false},
                 "a small fall, no restart: only what is above the old value is booked");
  }
  identity.top = now.last;
  identity.low = now.value;
  identity.dipped = at;
}

bool CounterRules::BelowTop(Now& now) {
  Identity& identity = now.identity;
  if (now.value >= identity.top) {
    const auto top = identity.top;
    identity.top = Identity::kNone;
    identity.took_over = false;
    Rise(now, top);
    return true;
  }
  if (now.value < now.last) {
    identity.low = std::min(identity.low, now.value);
    if (IsDip(now.series.subject, now.at, now.value, identity.top)) return true;
    Remember(now, identity.top);
    LeaveTop(now);
    return false;
  }
  const Duration below = now.at - TimeOf(identity.dipped);
  const bool long_ago = below > (identity.took_over ? kCatchUp : kRemember);
  if (!long_ago &&
      now.value - identity.low <= Earnable(now.series.subject, now.at, rules_.scrape_interval))
    return true;
  Hold(now, JournalKind::kDip, identity.top - identity.low,
       "stayed below the value it fell from: what rose since the fall is not booked, and what lies "
       "between may be booked twice");
  identity.top = Identity::kNone;
  identity.took_over = false;
  return true;
}

// What rose below the top is neither booked nor lost.
void CounterRules::LeaveTop(Now& now) {
  Identity& identity = now.identity;
  if (identity.top == Identity::kNone) return;
  if (now.last > identity.low) {
    Hold(now, JournalKind::kDip, now.last - identity.low,
         "rose below the value it had fallen from, and fell again");
  }
  identity.top = Identity::kNone;
  identity.took_over = false;
}

void CounterRules::TakenOver(Now& now) {
  Identity& identity = now.identity;
  if (identity.top == Identity::kNone) {
    identity.low = now.value;
    identity.dipped = SecondsOf(now.at);
  }
  identity.low = std::min(identity.low, now.value);
  identity.top = std::max(identity.top, now.last);
  identity.took_over = true;
  const auto lag = Learnable(now.series.subject, now.at, now.gap + rules_.scrape_interval * 2);
  if (now.last - now.value <= std::max(now.last / 100, lag)) return;
  Hold(now, JournalKind::kDoubt, now.value,
       "another scrape of the same series shows less than the one that fell silent: it may lag, or "
       "the counter began again");
}

std::optional<std::size_t> CounterRules::Match(const Identity& identity, const Series& series,
                                               Timestamp at, std::int64_t value) const {
  const Tracks& tracks = identity.tracks;
  if (tracks.size() == 0) return std::nullopt;
  const std::int64_t last = identity.value;
  const bool fell = value < last;
  const bool proved = identity.returns > 0;
  // Only a jump back up tells another writer from a counter that begins again and again.
  if (fell && !proved && !identity.jumped) return std::nullopt;
  const std::int64_t jump = fell ? last - value : value - last;
  const auto growth = Learnable(series.subject, at, at - identity.at());
  if (!fell && jump <= (identity.writers ? std::max(growth, last / 100) : growth))
    return std::nullopt;
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    const std::int64_t track = tracks.value(i);
    const std::int64_t own = value - track;
    if (own < 0) continue;
    const auto time = at - TimeOf(tracks.at(i));
    // Once it is known that there are several, what one can have earned is enough.
    const bool loose = identity.writers || (fell && identity.jumped);
    const auto earned =
        loose ? Earnable(series.subject, at, time) : Learnable(series.subject, at, time);
    if (own > std::max(track / 100, std::min(earned, jump / 4))) continue;
    if (!fell && own > jump / 4) continue;
    // A counter that begins again grows to its old values by many steps.
    if (!fell && !proved && jump < (track - identity.low) / 2) continue;
    if (!best || track > tracks.value(*best)) best = i;
  }
  return best;
}

// Whether a rise leads back to about what another writer showed, too far from it to be sure.
std::optional<std::size_t> CounterRules::Resembles(const Now& now) const {
  const Tracks& tracks = now.identity.tracks;
  const std::int64_t jump = now.value - now.last;
  if (jump <= Learnable(now.series.subject, now.at, now.gap)) return std::nullopt;
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    const std::int64_t own = now.value - tracks.value(i);
    if (own < 0 || own > jump / 4 || jump < (tracks.value(i) - now.identity.low) / 2) continue;
    if (own <= Earnable(now.series.subject, now.at, now.at - TimeOf(tracks.at(i)))) return i;
  }
  return std::nullopt;
}

void CounterRules::OtherWriter(Now& now, std::size_t track) {
  Identity& identity = now.identity;
  const std::int64_t known = identity.tracks.value(track);
  const Duration silent = now.at - TimeOf(identity.tracks.at(track));
  identity.tracks.Remove(track);
  Remember(now, now.last);
  // Back at once to what it fell from, and now back again: that is twice.
  if (identity.jumped && identity.returns == 0) identity.returns = 1;
  if (identity.returns < 255) ++identity.returns;
  const bool second = identity.returns >= 2 && !identity.writers;
  if (identity.returns == 1 && identity.since > 0 && !now.series.aggregated)
    identity.suspect = true;
  TakeBack(now);
  if (second) {
    identity.writers = true;
    identity.suspect = false;
    books_.Write(
        now.series.subject, {JournalKind::kDuplicateWriters, now.at, now.last, now.value, 0, false},
        now.series.aggregated
            ? "the sum falls and comes back again and again: its members come and go. Only "
              "growth is booked"
            : "several writers answer in turns: only the growth of each is booked");
  }
  identity.fell = SecondsOf(now.at);
  identity.only_rose = false;
  const std::int64_t own = now.value - known;
  // Not so near that it must be the other one: the step may have been spend.
  if (identity.returns == 1 && own > known / 100) {
    Hold(now, JournalKind::kDoubt, now.value - now.last - own,
         "rose to about what it fell from: another writer, or much spend at once");
  }
  if (own > Earnable(now.series.subject, now.at, silent + rules_.scrape_interval)) {
    Hold(now, JournalKind::kDoubt, own, "more than another writer can have earned while unseen");
  } else {
    Book(now, own);
  }
}

void CounterRules::TakeBack(Now& now) {
  Identity& identity = now.identity;
  if (identity.since == 0) return;
  const Subject& subject = now.series.subject;
  const Timestamp when = identity.fell == 0 ? now.at : TimeOf(identity.fell);
  books_.Book(subject, when, -identity.since);
  books_.Write(subject, {JournalKind::kReversal, when, now.last, now.value, -identity.since, false},
               "taken back: booked for a restart which was none");
  books_.Write(subject, {JournalKind::kDoubt, when, now.last, now.value, identity.since, true},
               kWritersOrDeltas);
  identity.since = 0;
}

void CounterRules::Fall(Now& now) {
  Identity& identity = now.identity;
  Suspect(now, true);
  // A fall to nothing is how counters begin again; samples that each stand alone show none.
  if (now.value > 0) {
    CountChange(now, true);
    if (NotACounter(now)) return;
  }
  Remember(now, now.last);
  identity.low = now.value;
  const Subject& subject = now.series.subject;
  if (now.series.aggregated) {
    Hold(now, JournalKind::kDoubt, now.value,
         "a sum over several fell: it lost a member, or began again. What it shows is not booked, "
         "its growth is");
    return;
  }
  if (identity.writers) {
    Hold(now, JournalKind::kDoubt, now.value,
         "several writers answer in turns: this is another one, or one that began again");
    return;
  }
  // What begins again seldom comes back to nearly its old value in one scrape.
  if (now.value >= now.last / 4 * 3 &&
      now.value > Learnable(subject, now.at, now.gap + rules_.scrape_interval)) {
    Hold(now, JournalKind::kDoubt, now.value,
         "fell to a little less than it was, more than it is known to earn: no restart, it seems");
    return;
  }
  if (now.value > Earnable(subject, now.at, now.gap + rules_.scrape_interval)) {
    Hold(now, JournalKind::kDoubt, now.value,
         "fell to more than it can have earned since the last sample: no restart, as it seems");
    return;
  }
  Book(now, now.value);
  identity.since = Add(identity.since, now.value);
  const Books::Entry entry{JournalKind::kRestart, now.at, now.last, now.value, now.value, false};
  if (now.value >= OneOf(subject.quantity)) {
    books_.Write(subject, entry, "fell to what it can have earned since: taken for a restart");
  } else if (now.value > 0) {
    books_.WriteSmall(subject, entry);
  }
}

void CounterRules::Disproved(Now& now) {
  if (const auto track = Match(now.identity, now.series, now.at, now.value))
    return OtherWriter(now, *track);
  Suspect(now, true);
  LeaveTop(now);
  if (now.value > 0) CountChange(now, true);
  Remember(now, now.last);
  now.identity.low = now.value;
  Hold(now, JournalKind::kDoubt, now.value,
       "fell although it began before: no restart, but another writer or a counter made anew");
}

bool CounterRules::NotACounter(Now& now) {
  Identity& identity = now.identity;
  const int falls = identity.falls;
  const int changes = identity.changes;
  // Half of what stands alone falls; a counter that begins again after two steps falls at a third.
  const bool often = falls * 5 > changes * 2;
  if (falls >= 2 && often && !identity.suspect && !identity.writers) {
    identity.suspect = true;
    books_.Write(now.series.subject,
                 {JournalKind::kNotACounter, now.at, now.last, now.value, 0, false},
                 "falls at every second change or so: it may be no counter");
  }
  if (falls < 4 || !often) return false;
  TakeBack(now);
  identity.not_counter = true;
  identity.suspect = false;
  identity.writers = false;
  identity.tracks.Clear();
  identity.fell = SecondsOf(now.at);
  Hold(
      now, JournalKind::kNotACounter, now.value,
      "falls too often to be a counter: nothing is booked from here on. If each sample is what was "
      "spent since the last one, this is spend");
  return true;
}

}  // namespace purser::usage
