#include "usage/meter/meter.h"

#include <algorithm>
#include <utility>

#include "usage/meter/implementation.h"

namespace purser::usage {
namespace {

using ledger::JournalKind;

enum Rank : int { kFell, kFirst, kGap };

// 0 stands for not known.
std::uint32_t Fold(std::uint64_t raw) {
  const auto folded = static_cast<std::uint32_t>(raw ^ raw >> 32);
  return folded == 0 ? 1 : folded;
}

}  // namespace

void Meter::Implementation::Begin(Timestamp at, bool baseline) {
  at_ = at;
  baseline_ = baseline;
}

// Whatever is read of a sample later: it is there.
void Meter::Implementation::Seen(std::span<const Sample> samples) {
  if (samples.empty()) return;
  if (!reading_.newest || *reading_.newest < samples.back().at) reading_.newest = samples.back().at;
}

void Meter::Implementation::New(Timestamp at) {
  if (!reading_.oldest_new || at < *reading_.oldest_new) reading_.oldest_new = at;
  reading_.largest_lag = std::max(reading_.largest_lag, at_ - at);
}

void Meter::Implementation::Take(const Observation& observation) {
  auto samples = observation.samples;
  while (!samples.empty() && samples.front().value < 0) samples = samples.subspan(1);
  if (samples.empty()) return;
  Seen(samples);
  const Number number = identities_.Find(observation.identity);
  if (number != kNobody) return TakeKnown(number, observation, samples);
  if (!TakeFirst(observation, samples)) return;
  TakeKnown(identities_.Find(observation.identity), observation, samples);
}

// False: it waits for the end of the answer.
bool Meter::Implementation::TakeFirst(const Observation& observation,
                                      std::span<const Sample>& samples) {
  const Sample& first = samples.front();
  const Subject subject{observation.key, observation.quantity, observation.labels, {}};
  const bool small = first.value < OneOf(observation.quantity) &&
                     counter_.PlausibleFirst(subject, first, std::nullopt);
  const auto raw = Fold(observation.raw);
  if (!baseline_ && !small) {
    deferred_.Add(observation, raw, samples);
    if (!observation.aggregated && !observation.start && deferred_.MayAsk()) {
      deferred_.AskAbout(observation, {0, 0, first.at, kFirst, first.value});
      AskFurther(observation, samples);
    }
    return false;
  }
  if (!baseline_ && observation.client != 0 && !observation.start && first.value > 0) {
    const auto found =
        hand_over_.FindClient({subject, first, samples.back().at}, observation.client);
    if (found.from != kNobody || found.undecided) {
      deferred_.Add(observation, raw, samples).small = true;
      return false;
    }
  }
  const Number number = Make(observation.identity, raw, observation.client, subject, first);
  if (baseline_) {
    identities_.Touch(number).rooted = true;
  } else if (first.value > 0) {
    books_.Book(subject, first.at, first.value);
    books_.WriteSmall(subject, {JournalKind::kFirstValue, first.at, {}, {}, first.value, false});
  }
  samples = samples.subspan(1);
  return true;
}

Number Meter::Implementation::Make(const ledger::SeriesId& id, std::uint32_t raw,
                                   std::uint32_t client, const Subject& subject,
                                   const Sample& sample) {
  const Number number = identities_.Make(id);
  identities_.SetKey(number, subject.key, client);
  Identity& identity = identities_.Touch(number);
  identity.time = sample.at.time_since_epoch().count();
  identity.value = sample.value;
  identity.born = SecondsOf(sample.at);
  identity.changed = identity.born;
  identity.leader = raw;
  identity.quantity = subject.quantity;
  New(sample.at);
  return number;
}

void Meter::Implementation::TakeKnown(Number number, const Observation& observation,
                                      std::span<const Sample> samples) {
  identities_.SetKey(number, observation.key, observation.client);
  const auto raw = Fold(observation.raw);
  const Series series{{observation.key, observation.quantity, observation.labels, {}},
                      observation.aggregated};
  const Identity& known = identities_[number];
  const auto is_known = [&](const Sample& sample) { return sample.at <= known.at(); };
  while (!samples.empty() && is_known(samples.front())) samples = samples.subspan(1);
  if (Troubled(known)) Name(number, series.subject);
  if (samples.empty()) return;
  if (known.leader != 0 && known.leader != raw) {
    // A twin: read where the one that leads is silent, and that shows when all was taken.
    if (samples.back().at <= known.at() + 2 * rules_.scrape_interval) return;
    deferred_.Add(observation, raw, samples);
    if (!observation.start && deferred_.MayAsk()) {
      if (samples.front().value < known.value)
        deferred_.AskAbout(observation, {0, 0, samples.front().at, kFell, samples.front().value});
      AskFurther(observation, samples);
    }
    return;
  }
  Identity& identity = identities_.Touch(number);
  Returned(identity, observation.key, samples);
  identity.leader = raw;
  identity.quantity = observation.quantity;
  for (; !samples.empty(); samples = samples.subspan(1)) {
    const Sample& sample = samples.front();
    if (sample.value < 0 || is_known(sample)) continue;
    std::optional<Timestamp> start;
    if (observation.start) {
      if (*observation.start <= sample.at) start = observation.start;
    } else if (deferred_.MayAsk()) {
      if (const auto stake = counter_.WorthAsking(identity, series, sample)) {
        const auto rank = stake->fell ? kFell : kGap;
        return Defer(observation, samples, {0, 0, sample.at, rank, stake->amount});
      }
    }
    New(sample.at);
    counter_.Step(identity, series, sample, start, false);
  }
  if (Troubled(identity)) Name(number, series.subject);
}

void Meter::Implementation::Defer(const Observation& observation, std::span<const Sample> samples,
                                  const Ask& ask) {
  deferred_.Add(observation, Fold(observation.raw), samples);
  deferred_.AskAbout(observation, ask);
  AskFurther(observation, samples);
}

// Falls after the sample that was asked about.
void Meter::Implementation::AskFurther(const Observation& observation,
                                       std::span<const Sample> samples) {
  std::size_t asked = 1;
  for (std::size_t i = 1; i < samples.size() && asked < DeferredList::kMostAsksOfOne; ++i) {
    const auto last = samples[i - 1].value;
    if (samples[i].value >= last - last / 100) continue;
    deferred_.AskAbout(observation, {0, i, samples[i].at, kFell, samples[i].value});
    ++asked;
  }
}

Reading Meter::Implementation::Finish() {
  const auto in_order = deferred_.InOrder();
  rollout_ = IsRollout(in_order);
  for (const Deferred* deferred : in_order) Process(*deferred);
  books_.Close(reading_);
  reading_.cursors = identities_.Moved();
  reading_.rates = rates_.Raised();
  reading_.restarts =
      std::ranges::count(reading_.notes, ledger::JournalKind::kRestart, &Note::kind);
  return std::exchange(reading_, {});
}

std::optional<Timestamp> Meter::Implementation::StartAt(const Deferred& deferred,
                                                        std::size_t number, Timestamp at) const {
  for (const auto& [sample, start] : deferred.told) {
    if (sample == number) return start;
  }
  if (deferred.start && *deferred.start <= at) return deferred.start;
  return std::nullopt;
}

void Meter::Implementation::Process(const Deferred& deferred) {
  const Series series{{deferred.key, deferred.quantity, {}, deferred.text}, deferred.aggregated};
  const auto samples = deferred_.SamplesOf(deferred);
  Number number = identities_.Find(deferred.identity);
  if (number == kNobody) {
    number = ProcessFirst(deferred, series, samples);
    if (number == kNobody) return;
  }
  Identity& identity = identities_.Touch(number);
  Returned(identity, deferred.key, samples);
  const bool other = identity.leader != 0 && identity.leader != deferred.raw;
  if (other && samples.back().at <= identity.at() + 2 * rules_.scrape_interval) return;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Sample& sample = samples[i];
    if (sample.value < 0 || sample.at <= identity.at()) continue;
    const bool twin = identity.leader != 0 && identity.leader != deferred.raw;
    identity.leader = deferred.raw;
    New(sample.at);
    counter_.Step(identity, series, sample, StartAt(deferred, i, sample.at), twin);
  }
  if (Troubled(identity)) Name(number, series.subject);
  hand_over_.Update(deferred.key, number);
}

void Meter::Implementation::Commit() {
  identities_.Commit();
  rates_.Commit();
  unreadable_.Commit();
  books_.Clear();
  deferred_.Clear();
  hand_over_.Clear();
  reading_ = {};
}

void Meter::Implementation::Abandon() {
  identities_.Abandon();
  rates_.Abandon();
  unreadable_.Abandon();
  Commit();
}

void Meter::Implementation::Forget(Timestamp before) {
  identities_.Forget(before);
  unreadable_.Forget(before);
  std::erase_if(names_,
                [this](const auto& name) { return identities_.Find(name.first) == kNobody; });
}

Meter::Meter(const MeterRules& rules) : implementation_(std::make_unique<Implementation>(rules)) {}
Meter::~Meter() = default;

void Meter::Load(const std::vector<ledger::SeriesCursor>& cursors) {
  for (const auto& cursor : cursors) implementation_->identities_.Load(cursor);
}
void Meter::LoadRate(std::uint32_t key, std::int64_t per_second, Timestamp at) {
  implementation_->rates_.Load(key, per_second, at);
}
bool Meter::Knows(const ledger::SeriesId& identity) const {
  return implementation_->identities_.Find(identity) != kNobody;
}
void Meter::Begin(Timestamp at, bool baseline) { implementation_->Begin(at, baseline); }
void Meter::Take(const Observation& observation) { implementation_->Take(observation); }
void Meter::Quarantine(std::uint32_t key, std::span<const Label> labels, std::string_view what,
                       Timestamp at) {
  implementation_->unreadable_.Add(key, labels, what, at, implementation_->books_);
}
std::vector<Question> Meter::Questions(std::size_t most) const {
  return implementation_->deferred_.Questions(most);
}
void Meter::Tell(std::size_t question, Timestamp start) {
  implementation_->deferred_.Tell(question, start);
}
Reading Meter::Finish() { return implementation_->Finish(); }
void Meter::Commit() { implementation_->Commit(); }
void Meter::Abandon() { implementation_->Abandon(); }
std::vector<Trouble> Meter::Troubles() const { return implementation_->Troubles(); }
void Meter::Forget(Timestamp before) { implementation_->Forget(before); }
std::size_t Meter::size() const { return implementation_->identities_.size(); }

}  // namespace purser::usage
