#include "ledger/recent_minutes.h"

#include <algorithm>

#include "ledger/store.h"

namespace purser::ledger {
namespace {

constexpr std::int64_t kMillisecondsPerMinute = 60'000;

}  // namespace

bool RecentMinutes::Add(std::int64_t minute, const Amounts& amounts) {
  if (minute < 0) return false;
  auto& slot = slots_[static_cast<std::size_t>(minute % kMinutes)];
  if (minute < slot.minute) return false;
  if (minute > slot.minute) slot = {minute, Amounts()};
  slot.amounts += amounts;
  return true;
}

Amounts RecentMinutes::Sum(Timestamp now, Duration span) const {
  const Timestamp start = now - span;
  const std::int64_t oldest = MinuteOf(start);
  const std::int64_t newest = MinuteOf(now);
  const std::int64_t inside =
      kMillisecondsPerMinute - (start.time_since_epoch().count() - oldest * kMillisecondsPerMinute);
  Amounts sum;
  for (const auto& slot : slots_) {
    if (slot.minute < oldest || slot.minute > newest) continue;
    sum +=
        slot.minute > oldest ? slot.amounts : ShareOf(slot.amounts, inside, kMillisecondsPerMinute);
  }
  return NotBelowZero(sum);
}

Amounts RecentMinutes::Dearest(Timestamp now) const {
  const std::int64_t newest = MinuteOf(now);
  Amounts dearest;
  for (const auto& slot : slots_) {
    if (slot.minute <= newest - kMinutes || slot.minute > newest) continue;
    dearest.cost = std::max(dearest.cost, slot.amounts.cost);
    dearest.calls = std::max(dearest.calls, slot.amounts.calls);
    dearest.input_tokens = std::max(dearest.input_tokens, slot.amounts.input_tokens);
    dearest.output_tokens = std::max(dearest.output_tokens, slot.amounts.output_tokens);
  }
  return dearest;
}

}  // namespace purser::ledger
