#include "ledger/recent_minutes.h"

#include "ledger/store.h"

namespace purser::ledger {
namespace {

__extension__ typedef __int128 Wide;

constexpr std::int64_t kMillisecondsPerMinute = 60'000;

}  // namespace

bool RecentMinutes::Add(std::int64_t minute, Money amount) {
  if (minute < 0) return false;
  auto& slot = slots_[static_cast<std::size_t>(minute % kMinutes)];
  if (minute < slot.minute) return false;
  if (minute > slot.minute) slot = {minute, Money()};
  slot.amount += amount;
  return true;
}

Money RecentMinutes::Sum(Timestamp now, Duration span) const {
  const Timestamp start = now - span;
  const std::int64_t oldest = MinuteOf(start);
  const std::int64_t newest = MinuteOf(now);
  const std::int64_t inside =
      kMillisecondsPerMinute - (start.time_since_epoch().count() - oldest * kMillisecondsPerMinute);
  Money sum;
  for (const auto& slot : slots_) {
    if (slot.minute < oldest || slot.minute > newest) continue;
    if (slot.minute > oldest || inside == kMillisecondsPerMinute) {
      sum += slot.amount;
      continue;
    }
    const Wide share = static_cast<Wide>(slot.amount.nanos()) * inside + kMillisecondsPerMinute - 1;
    sum += Money::FromNanos(static_cast<std::int64_t>(share / kMillisecondsPerMinute));
  }
  return sum;
}

}  // namespace purser::ledger
