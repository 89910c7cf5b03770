#include "ledger/journal.h"

#include <array>

namespace purser::ledger {
namespace {

constexpr std::array<std::string_view, 15> kKinds = {
    "FirstValue", "Restart",          "HandOver",    "Dip",    "Doubt",
    "Reversal",   "Quarantine",       "Gap",         "Epoch",  "Correction",
    "LargeStep",  "DuplicateWriters", "NotACounter", "Prices", "Estimate"};
constexpr std::array<std::string_view, 5> kHeldStates = {"", "Held", "Accepted", "Rejected",
                                                         "Settled"};

template <typename Enum, std::size_t kSize>
std::optional<Enum> Parse(const std::array<std::string_view, kSize>& names, std::string_view text) {
  for (std::size_t i = 0; i < kSize; ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

Amounts OnlyCost(const Amounts& amounts) {
  return {.cost = amounts.cost, .estimated = amounts.estimated};
}

}  // namespace

std::string_view ToString(JournalKind kind) { return kKinds.at(static_cast<std::size_t>(kind)); }

std::optional<JournalKind> ParseJournalKind(std::string_view text) {
  return Parse<JournalKind>(kKinds, text);
}

std::string_view ToString(HeldState state) {
  return kHeldStates.at(static_cast<std::size_t>(state));
}

std::optional<HeldState> ParseHeldState(std::string_view text) {
  return Parse<HeldState>(kHeldStates, text);
}

bool Settles(const JournalEntry& settling, const JournalEntry& entry) {
  return entry.held == HeldState::kHeld && IsOwn(settling, entry);
}

bool IsOwn(const JournalEntry& settling, const JournalEntry& entry) {
  return settling.held == HeldState::kSettled && entry.held != HeldState::kNone &&
         entry.key == settling.key && entry.series == settling.series && entry.at == settling.at;
}

bool MayHoldWithOthers(const JournalEntry& settling, const JournalEntry& entry) {
  if (settling.held != HeldState::kSettled || settling.settles.IsZero()) return false;
  if (entry.held == HeldState::kNone || entry.kind != JournalKind::kDoubt) return false;
  if (!entry.series.empty() || entry.key != settling.key || entry.at < settling.at) return false;
  const Amounts& settles = settling.settles;
  const bool counts = OnlyCost(settles) != settles;
  if (counts != (OnlyCost(entry.amount) != entry.amount)) return false;
  // What tokens cost may have been priced otherwise when they were held.
  const Amounts left = entry.amount - (counts ? settles - OnlyCost(settles) : settles);
  return NotBelowZero(left) == left;
}

Amounts LeftOf(const Amounts& sum, const Amounts& settles) {
  const auto left = NotBelowZero(sum - settles);
  // Tokens of which none is left cost nothing more.
  const bool counted = OnlyCost(settles) != settles;
  return counted && OnlyCost(left) == left ? Amounts() : left;
}

}  // namespace purser::ledger
