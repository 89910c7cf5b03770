// Several writers that answer in turns under one series, and what is booked while that is unsure.
#include <algorithm>
#include <utility>

#include "usage/meter/counter_rules.h"

namespace purser::usage {
namespace {

using ledger::JournalKind;

// Changes that go on from no writer, until several writers are no longer believed.
constexpr int kUnmatched = 8;
// Of one plausible scrape: what may be booked in an hour though it may be none.
constexpr std::int64_t kUnsureShare = 3;
constexpr std::int64_t kUnsureOf = 4;

constexpr std::string_view kWritersOrDeltas =
    "the value fell and came back: several writers answer in turns, or each sample is what was "
    "spent since the last one";

}  // namespace

std::optional<std::size_t> CounterRules::Match(const Identity& identity, const Series& series,
                                               Timestamp at, std::int64_t value) const {
  const Tracks& tracks = identity.tracks();
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
  const Tracks& tracks = now.identity.tracks();
  const std::int64_t jump = now.value - now.last;
  if (jump <= Learnable(now.series.subject, now.at, now.gap)) return std::nullopt;
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    const std::int64_t own = now.value - tracks.value(i);
    if (own < 0 || own > jump / 4 || jump < (tracks.value(i) - now.identity.low) / 2) continue;
    if (own <= Earnable(now.series.subject, now.at, now.at - TimeOf(tracks.at(i)))) return i;
  }
  return std::nullopt;
}

// Whether so much more may be booked where another reading of what is shown would book less: as
// much as one plausible scrape in an hour.
bool CounterRules::MayBeUnsure(Now& now, std::int64_t amount) const {
  const auto most =
      Earnable(now.series.subject, now.at, rules_.scrape_interval) / kUnsureOf * kUnsureShare;
  const auto unsure = Add(now.identity.past ? now.identity.past->unsure : 0, amount);
  if (unsure > most) return false;
  now.identity.ChangePast().unsure = unsure;
  return true;
}

// A value a little above what was shown before may be another writer's, or be reached by spending:
// the track, once too much hangs on it.
std::optional<std::size_t> CounterRules::LandsOn(Now& now) {
  const Tracks& tracks = now.identity.tracks();
  if (tracks.size() == 0 || now.value == now.last) return std::nullopt;
  const bool fell = now.value < now.last;
  if (fell && now.series.aggregated) return std::nullopt;
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    const std::int64_t track = tracks.value(i);
    if (track > now.value || track == 0 || (!fell && track <= now.last)) continue;
    if (!best || track > tracks.value(*best)) best = i;
  }
  if (!best) return std::nullopt;
  const std::int64_t track = tracks.value(*best);
  const std::int64_t own = now.value - track;
  if (fell && own > Earnable(now.series.subject, now.at, now.at - TimeOf(tracks.at(*best))))
    return std::nullopt;
  if (!fell && own > (track - now.last) / 2) return std::nullopt;
  const std::int64_t amount = fell ? track : track - now.last;
  if (!MayBeUnsure(now, amount)) return best;
  // As of several writers, so far as it matters.
  if (amount < OneOf(now.series.subject.quantity) / 10) return std::nullopt;
  now.identity.ChangePast().tracks.Remove(*best);
  if (!fell) Remember(now, now.last);
  return std::nullopt;
}

void CounterRules::Missed(Now& now, std::int64_t amount) {
  if (amount <= 0) return;
  Past& past = now.identity.ChangePast();
  past.missed = Add(past.missed, amount);
}

void CounterRules::OtherWriter(Now& now, std::size_t track, bool sure) {
  Identity& identity = now.identity;
  const std::int64_t known = identity.tracks().value(track);
  const Duration silent = now.at - TimeOf(identity.tracks().at(track));
  if (identity.writers) {
    CountChange(now, !sure);
    if (NoWriterEither(now)) return;
  }
  identity.ChangePast().tracks.Remove(track);
  Remember(now, now.last);
  // Back at once to what it fell from, and now back again: that is twice.
  if (identity.jumped && identity.returns == 0) identity.returns = 1;
  if (identity.returns < 255) ++identity.returns;
  const bool second = identity.returns >= 2 && !identity.writers;
  if (identity.returns == 1 && identity.since() > 0 && !now.series.aggregated)
    identity.suspect = true;
  TakeBack(now);
  if (second) {
    identity.writers = true;
    identity.suspect = false;
    identity.changes = 0;
    identity.falls = 0;
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
  const bool fell = now.value < now.last;
  if (fell ? identity.returns == 1 || !sure
           : !sure || (identity.returns == 1 && own > known / 100)) {
    if (!fell) Missed(now, now.last);
    Hold(now, JournalKind::kDoubt, fell ? known : known - now.last,
         fell ? "fell to about what was shown before: another writer, or one that began again"
              : "rose to about what it fell from: another writer, or much spend at once");
  } else {
    Missed(now, known);
  }
  const auto time = silent + rules_.scrape_interval;
  // What a sum's member earned while it was not in it is anybody's guess.
  const auto learned = Learnable(now.series.subject, now.at, time);
  const bool earned = (own <= learned && !now.series.aggregated) ||
                      (own <= Earnable(now.series.subject, now.at, time) &&
                       ((!now.series.aggregated && own <= known / 2) || MayBeUnsure(now, own)));
  if (!earned) {
    Hold(now, JournalKind::kDoubt, own, "more than another writer can have earned while unseen");
  } else {
    Book(now, own);
  }
}

void CounterRules::TakeBack(Now& now) {
  Identity& identity = now.identity;
  if (identity.since() == 0) return;
  const Subject& subject = now.series.subject;
  // Each at its own minute: no minute's total falls below zero.
  for (const auto& [at, amount, fell] : std::exchange(identity.ChangePast().steps, {})) {
    const Timestamp when = TimeOf(at);
    books_.Book(subject, when, -amount);
    books_.Write(subject, {JournalKind::kReversal, when, now.last, now.value, -amount, false},
                 "taken back: booked for a restart which was none");
    books_.Write(subject, {JournalKind::kDoubt, when, now.last, now.value, amount, true},
                 kWritersOrDeltas);
  }
}

// Writers were told, and yet much of what is shown goes on from none of them.
bool CounterRules::NoWriterEither(Now& now) {
  const int unmatched = now.identity.falls;
  if (unmatched < kUnmatched || unmatched * 5 <= now.identity.changes * 2) return false;
  GiveUp(now);
  return true;
}

}  // namespace purser::usage
