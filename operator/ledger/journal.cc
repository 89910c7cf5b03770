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
  return settling.held == HeldState::kSettled && entry.held == HeldState::kHeld &&
         entry.key == settling.key && entry.series == settling.series && entry.at == settling.at;
}

}  // namespace purser::ledger
