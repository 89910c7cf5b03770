#include "ledger/recent_minutes.h"

#include <algorithm>
#include <utility>

#include "ledger/store.h"

namespace purser::ledger {
namespace {

constexpr std::int64_t kMillisecondsPerMinute = 60'000;

}  // namespace

Amounts RecentMinutes::At(std::size_t slot) const {
  Amounts amounts = beside_.empty() ? Amounts() : beside_[slot];
  amounts.cost = slots_[slot].cost;
  return amounts;
}

bool RecentMinutes::Add(std::int64_t minute, const Amounts& amounts) {
  if (minute < 0) return false;
  const auto slot = std::find_if(slots_.begin(), slots_.end(), [&](const Slot& one) {
    return one.minute % kMinutes == minute % kMinutes;
  });
  const auto at = static_cast<std::size_t>(slot - slots_.begin());
  if (slot == slots_.end()) {
    slots_.push_back({minute, Money()});
    if (!beside_.empty()) beside_.emplace_back();
  } else if (minute < slot->minute) {
    return false;
  } else if (minute > slot->minute) {
    *slot = {minute, Money()};
    if (!beside_.empty()) beside_[at] = Amounts();
  }
  Amounts beside = amounts;
  slots_[at].cost += std::exchange(beside.cost, Money());
  if (beside.IsZero()) return true;
  beside_.resize(slots_.size());
  beside_[at] += beside;
  return true;
}

Amounts RecentMinutes::Sum(Timestamp now, Duration span) const {
  const Timestamp start = now - span;
  const std::int64_t oldest = MinuteOf(start);
  const std::int64_t newest = MinuteOf(now);
  const std::int64_t inside =
      kMillisecondsPerMinute - (start.time_since_epoch().count() - oldest * kMillisecondsPerMinute);
  Amounts sum;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const auto minute = slots_[i].minute;
    if (minute < oldest || minute > newest) continue;
    sum += minute > oldest ? At(i) : ShareOf(At(i), inside, kMillisecondsPerMinute);
  }
  return NotBelowZero(sum);
}

Amounts RecentMinutes::Dearest(Timestamp now) const {
  const std::int64_t newest = MinuteOf(now);
  Amounts dearest;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].minute <= newest - kMinutes || slots_[i].minute > newest) continue;
    const auto amounts = At(i);
    dearest.cost = std::max(dearest.cost, amounts.cost);
    dearest.calls = std::max(dearest.calls, amounts.calls);
    dearest.input_tokens = std::max(dearest.input_tokens, amounts.input_tokens);
    dearest.output_tokens = std::max(dearest.output_tokens, amounts.output_tokens);
  }
  return dearest;
}

}  // namespace purser::ledger
