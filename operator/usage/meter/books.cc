#include "usage/meter/books.h"

#include <limits>

#include "money/money.h"

namespace purser::usage {

std::string_view UnitOf(Quantity quantity) {
  switch (quantity) {
    case Quantity::kCost:
      return "nano-dollars";
    case Quantity::kCalls:
      return "calls";
    case Quantity::kFailedCalls:
      return "failed calls";
    case Quantity::kInputTokens:
      return "input tokens";
    case Quantity::kOutputTokens:
      return "output tokens";
    case Quantity::kCachedTokens:
      return "cached tokens";
    case Quantity::kCacheCreationTokens:
      return "cache creation tokens";
    case Quantity::kReasoningTokens:
      return "reasoning tokens";
    case Quantity::kLatency:
      return "ms";
  }
  return "";
}

bool IsTokens(Quantity quantity) {
  switch (quantity) {
    case Quantity::kInputTokens:
    case Quantity::kOutputTokens:
    case Quantity::kCachedTokens:
    case Quantity::kCacheCreationTokens:
    case Quantity::kReasoningTokens:
      return true;
    case Quantity::kCost:
    case Quantity::kCalls:
    case Quantity::kFailedCalls:
    case Quantity::kLatency:
      return false;
  }
  return false;
}

std::string AmountText(Quantity quantity, std::int64_t amount) {
  if (quantity == Quantity::kCost) return "$" + Money::FromNanos(amount).ToDecimal();
  return std::to_string(amount) + " " + std::string(UnitOf(quantity));
}

std::int64_t Add(std::int64_t a, std::int64_t b) {
  constexpr auto kLimits = std::numeric_limits<std::int64_t>();
  if (b > 0 && a > kLimits.max() - b) return kLimits.max();
  if (b < 0 && a < kLimits.min() - b) return kLimits.min();
  return a + b;
}

void Books::Clear() {
  booked_.clear();
  notes_.clear();
  small_.clear();
  beyond_.clear();
}

void Books::Book(const Subject& subject, Timestamp at, std::int64_t amount) {
  if (amount == 0) return;
  if (!booked_.empty()) {
    auto& last = booked_.back();
    if (last.key == subject.key && last.quantity == subject.quantity &&
        ledger::MinuteOf(last.at) == ledger::MinuteOf(at)) {
      last.value = Add(last.value, amount);
      last.at = std::max(last.at, at);
      if (last.value == 0) booked_.pop_back();
      return;
    }
  }
  booked_.push_back({subject.key, subject.quantity, at, amount});
}

void Books::AddTo(std::map<SumKey, Sum>& sums, const Subject& subject, const Entry& entry) {
  Sum& sum = sums[{entry.kind, entry.held, subject.key, subject.quantity}];
  ++sum.count;
  sum.amount = Add(sum.amount, entry.amount);
  sum.at = std::max(sum.at, entry.at);
}

void Books::Write(const Subject& subject, const Entry& entry, std::string_view reason) {
  if (notes_.size() >= kMostNotes && !entry.settles) {
    AddTo(beyond_, subject, entry);
    return;
  }
  Note note;
  note.kind = entry.kind;
  note.key = subject.key;
  note.quantity = subject.quantity;
  note.at = entry.at;
  note.series = subject.text.empty() ? Describe(subject.labels) : std::string(subject.text);
  note.from = entry.from;
  note.to = entry.to;
  note.amount = entry.amount;
  note.held = entry.held;
  note.settles = entry.settles;
  note.settled = entry.settled;
  note.reason = reason;
  notes_.push_back(std::move(note));
}

void Books::WriteSmall(const Subject& subject, const Entry& entry) {
  AddTo(small_, subject, entry);
}

void Books::Close(Reading& reading) {
  // What many of one kind come to, beyond how many entries an answer may make.
  std::map<ledger::JournalKind, Sum> many;
  const auto write = [&](const SumKey& key, const Sum& sum, bool alone) {
    const auto& [kind, held, number, quantity] = key;
    if (!held && !alone) {
      Sum& all = many[kind];
      all.count += sum.count;
      all.at = std::max(all.at, sum.at);
      return;
    }
    Note note;
    note.kind = kind;
    note.key = number;
    note.quantity = quantity;
    note.at = sum.at;
    note.amount = sum.amount;
    note.held = held;
    note.reason = std::to_string(sum.count) + " more of this kind, " +
                  AmountText(quantity, sum.amount) + " in all";
    notes_.push_back(std::move(note));
  };
  for (const auto& [key, sum] : small_) write(key, sum, notes_.size() < kMostNotes);
  for (const auto& [key, sum] : beyond_) write(key, sum, false);
  for (const auto& [kind, sum] : many) {
    Note note;
    note.kind = kind;
    note.at = sum.at;
    note.of_several = true;
    note.reason = std::to_string(sum.count) + " more of this kind, in several agents";
    notes_.push_back(std::move(note));
  }
  reading.booked = std::move(booked_);
  reading.notes = std::move(notes_);
  Clear();
}

}  // namespace purser::usage
