#include "usage/prometheus/bookings.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <tuple>
#include <utility>

namespace purser::usage {
namespace {

// In the field of the quantity.
Amounts AmountsOf(Quantity quantity, std::int64_t value) {
  Amounts amounts;
  switch (quantity) {
    case Quantity::kCost:
      amounts.cost = Money::FromNanos(value);
      break;
    case Quantity::kCalls:
      amounts.calls = value;
      break;
    case Quantity::kFailedCalls:
      amounts.failed_calls = value;
      break;
    case Quantity::kInputTokens:
      amounts.input_tokens = value;
      break;
    case Quantity::kOutputTokens:
      amounts.output_tokens = value;
      break;
    case Quantity::kCachedTokens:
      amounts.cached_tokens = value;
      break;
    case Quantity::kReasoningTokens:
      amounts.reasoning_tokens = value;
      break;
    case Quantity::kLatency:
      amounts.latency_ms = value;
      break;
    case Quantity::kCacheCreationTokens:
      break;  // counted among the input tokens
  }
  return amounts;
}

std::string ValueText(Quantity quantity, std::optional<std::int64_t> value) {
  if (!value) return "";
  return quantity == Quantity::kCost ? Money::FromNanos(*value).ToDecimal()
                                     : std::to_string(*value);
}

}  // namespace

// One rounding for each booking. What is taken back costs what it did.
Amounts Bookings::CostOf(std::uint32_t key, const Tokens& tokens) {
  if (!rules_.priced || prices_ == nullptr || tokens == Tokens()) return {};
  const auto prices = prices_->Current();
  const auto price = [&](const Tokens& some) {
    const auto priced = prices->Price(table_.Provider(key), table_.Model(key), some);
    if (!priced.known) unpriced_[key] = clock_.Now();
    return Amounts{.cost = priced.cost, .estimated = priced.known ? Money() : priced.cost};
  };
  const auto part = [&](int sign) {
    const auto of = [&](std::int64_t count) { return std::max<std::int64_t>(0, sign * count); };
    return Tokens{of(tokens.input), of(tokens.output), of(tokens.cached), of(tokens.cache_creation),
                  of(tokens.reasoning)};
  };
  const auto back = part(-1);
  const Amounts cost = price(part(1));
  return back == Tokens() ? cost : cost - price(back);
}

ledger::JournalEntry Bookings::EntryOf(const Note& note) {
  ledger::JournalEntry entry;
  entry.kind = note.kind;
  entry.at = note.at;
  entry.recorded = clock_.Now();
  if (note.of_several) {
    entry.key.source = source_;
  } else {
    entry.key = table_.Key(note.key);
  }
  entry.series = note.series;
  entry.from = ValueText(note.quantity, note.from);
  entry.to = ValueText(note.quantity, note.to);
  entry.amount = AmountsOf(note.quantity, note.amount);
  entry.reason = note.reason;
  entry.held = note.settles ? ledger::HeldState::kSettled
               : note.held  ? ledger::HeldState::kHeld
                            : ledger::HeldState::kNone;
  if (note.settles) {
    Tokens settled;
    pricing::Add(settled, note.quantity, note.settled);
    entry.settles = AmountsOf(note.quantity, note.settled) + CostOf(note.key, settled);
  }
  Tokens tokens;
  pricing::Add(tokens, note.quantity, note.amount);
  if (const Amounts cost = CostOf(note.key, tokens); !cost.IsZero()) {
    entry.amount += cost;
    entry.reason += " (prices " + prices_->Current()->version() + ")";
  }
  return entry;
}

void Bookings::AddIncrements(const std::vector<Booked>& booked,
                             std::vector<ledger::Increment>& increments) {
  struct Place {
    std::uint32_t key = 0;
    std::uint32_t number = 0;  // in `booked`
    std::int64_t minute = 0;
    bool Same(const Place& other) const { return key == other.key && minute == other.minute; }
  };
  std::vector<Place> places;
  places.reserve(booked.size());
  for (std::uint32_t i = 0; i < booked.size(); ++i)
    places.push_back({booked[i].key, i, ledger::MinuteOf(booked[i].at)});
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::tie(a.key, a.minute, a.number) < std::tie(b.key, b.minute, b.number);
  });
  std::size_t count = 0;
  for (std::size_t i = 0; i < places.size(); ++i)
    count += i == 0 || !places[i].Same(places[i - 1]) ? 1 : 0;
  increments.reserve(count);
  for (auto place = places.begin(); place != places.end();) {
    const Place first = *place;
    Timestamp at;
    Amounts amounts;
    Tokens tokens;
    for (; place != places.end() && place->Same(first); ++place) {
      const auto& one = booked[place->number];
      at = std::max(at, one.at);
      amounts += AmountsOf(one.quantity, one.value);
      pricing::Add(tokens, one.quantity, one.value);
    }
    amounts += CostOf(first.key, tokens);
    if (!amounts.IsZero()) increments.push_back({table_.Key(first.key), at, amounts});
  }
}

ledger::Batch Bookings::Of(const Reading& reading) {
  ledger::Batch batch;
  batch.source = source_;
  AddIncrements(reading.booked, batch.increments);
  for (const auto& note : reading.notes) batch.journal.push_back(EntryOf(note));
  for (const auto& [key, rate] : reading.rates)
    batch.rates.push_back({table_.Key(key), rate, reading.newest.value_or(clock_.Now())});
  batch.cursors = reading.cursors;
  if (auto change = ChangeOfPrices()) {
    told_prices_ = change->to;
    batch.journal.push_back(std::move(*change));
  }
  return batch;
}

void Bookings::Commit() {
  if (!told_prices_.empty()) written_prices_ = std::exchange(told_prices_, {});
}

std::optional<ledger::JournalEntry> Bookings::ChangeOfPrices() const {
  if (!rules_.priced || prices_ == nullptr) return std::nullopt;
  const auto version = prices_->Current()->version();
  if (version == written_prices_) return std::nullopt;
  ledger::JournalEntry entry;
  entry.kind = ledger::JournalKind::kPrices;
  entry.at = clock_.Now();
  entry.recorded = entry.at;
  entry.key.source = source_;
  entry.from = written_prices_;
  entry.to = version;
  entry.reason = written_prices_.empty() ? "tokens are priced by this catalogue from here on"
                                         : "the price catalogue changed: tokens read from here on "
                                           "are priced by the new one, what is booked stays";
  return entry;
}

void Append(ledger::Batch& waiting, ledger::Batch more) {
  waiting.source = more.source;
  std::move(more.increments.begin(), more.increments.end(), std::back_inserter(waiting.increments));
  std::move(more.journal.begin(), more.journal.end(), std::back_inserter(waiting.journal));
  std::move(more.rates.begin(), more.rates.end(), std::back_inserter(waiting.rates));
  std::move(more.cursors.begin(), more.cursors.end(), std::back_inserter(waiting.cursors));
  if (more.complete_until) waiting.complete_until = more.complete_until;
  if (more.newest_sample) waiting.newest_sample = more.newest_sample;
}

}  // namespace purser::usage
