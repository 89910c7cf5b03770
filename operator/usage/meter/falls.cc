// Falls of a counter that nothing proves to be restarts: dips, sums that lose one, no counters.
#include <algorithm>
#include <utility>

#include "usage/meter/counter_rules.h"

namespace purser::usage {
namespace {

using ledger::JournalKind;

// A twin that lags reaches the top of the one it follows within this time.
constexpr Duration kCatchUp = std::chrono::minutes(10);
// A dip is at most what may be earned in so many scrapes.
constexpr int kDipScrapes = 4;

}  // namespace

bool CounterRules::IsDip(const Subject& subject, Timestamp at, std::int64_t value,
                         std::int64_t from) const {
  return from - value <= SmallFall(subject, at, from);
}

std::int64_t CounterRules::SmallFall(const Subject& subject, Timestamp at,
                                     std::int64_t from) const {
  const std::int64_t share = from >= OneOf(subject.quantity) ? from / 100 : from / 1000;
  return std::min(share, Earnable(subject, at, rules_.scrape_interval * kDipScrapes));
}

// A sum that loses a member does not come back: what it grows by meanwhile would be lost.
bool CounterRules::StaysLow(const Now& now, std::int64_t from) const {
  return now.series.aggregated &&
         from - now.value > Earnable(now.series.subject, now.at, rules_.scrape_interval) / 2;
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
    // What dipped comes back at once; what climbs back spends, perhaps.
    const auto climbed = now.last - identity.low;
    if (climbed > (top - identity.low) / 2 && !MayBeUnsure(now, top - identity.low)) {
      Hold(now, JournalKind::kDip, top - identity.low,
           "came back step by step to the value it had fallen from: that may have been spent");
    }
    identity.top = Identity::kNone;
    identity.took_over = false;
    Rise(now, top);
    return true;
  }
  if (now.value < now.last) {
    identity.low = std::min(identity.low, now.value);
    if (IsDip(now.series.subject, now.at, now.value, identity.top) && !StaysLow(now, identity.top))
      return true;
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
  if (now.value < now.last / 2) {
    // None lags so far behind: what it grows by from here on is spend.
    LeaveTop(now);
    Suspect(now, true);
    Remember(now, now.last);
    identity.low = now.value;
    Hold(now, JournalKind::kDoubt, now.value,
         "another scrape of the same series shows much less than the one that fell silent: the "
         "counter began again, it seems");
    return;
  }
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

void CounterRules::Fall(Now& now) {
  Identity& identity = now.identity;
  Suspect(now, true);
  if (identity.past && identity.past->rises > 0) identity.ChangePast().rises = 0;
  // A fall to nothing is how counters begin again; samples that each stand alone show none.
  if (now.value > 0) {
    CountChange(now, true);
    if (identity.writers ? NoWriterEither(now) : NotACounter(now)) return;
  }
  Remember(now, now.last);
  identity.low = now.value;
  const Subject& subject = now.series.subject;
  if (now.series.aggregated && now.last - now.value <= now.last / 100) {
    books_.Write(subject, {JournalKind::kDip, now.at, now.last, now.value, 0, false},
                 "a sum over several fell a little: it lost a member. Its growth is booked");
    return;
  }
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
    HoldFor(
        now, Claim::Of::kFall, now.value,
        "fell to a little less than it was, more than it is known to earn: no restart, it seems");
    return;
  }
  if (now.value > Earnable(subject, now.at, now.gap + rules_.scrape_interval)) {
    HoldFor(now, Claim::Of::kFall, now.value,
            "fell to more than it can have earned since the last sample: no restart, as it seems");
    return;
  }
  Book(now, now.value);
  identity.ChangePast().AddStep({SecondsOf(now.at), now.value, true});
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
  GiveUp(now);
  return true;
}

void CounterRules::GiveUp(Now& now) {
  Identity& identity = now.identity;
  TakeBack(now);
  if (identity.past && identity.past->missed > 0) {
    Hold(now, JournalKind::kNotACounter, identity.past->missed,
         "if each sample since the first fall is what was spent since the last one, so much more "
         "was spent");
  }
  if (identity.past) {
    Past& past = identity.ChangePast();
    past.missed = 0;
    past.tracks.Clear();
  }
  identity.not_counter = true;
  identity.suspect = false;
  identity.writers = false;
  identity.fell = SecondsOf(now.at);
  identity.only_rose = false;
  Hold(
      now, JournalKind::kNotACounter, now.value,
      "falls too often to be a counter: nothing is booked from here on. If each sample is what was "
      "spent since the last one, this is spend");
}

}  // namespace purser::usage
