#include "usage/meter/learned_rates.h"

#include <algorithm>

namespace purser::usage {
namespace {

constexpr std::int64_t kFade = 7 * 24 * 3600;  // seconds

__extension__ using Wide = __int128;

std::uint64_t Number(std::uint32_t key, Quantity quantity) {
  return std::uint64_t{key} << 8 | static_cast<std::uint64_t>(quantity);
}

}  // namespace

std::int64_t MultiplyDivide(std::int64_t a, std::int64_t b, std::int64_t c) {
  const Wide product = static_cast<Wide>(a) * b / c;
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  return product > kMost ? kMost : static_cast<std::int64_t>(product);
}

void LearnedRates::Load(std::uint32_t key, std::int64_t per_second, Timestamp at) {
  if (per_second <= 0) return;
  Slot(key, Quantity::kCost) = {per_second, SecondsOf(at), SecondsOf(at), per_second};
}

LearnedRates::Rate& LearnedRates::Slot(std::uint32_t key, Quantity quantity) {
  if (quantity != Quantity::kCost) return others_[Number(key, quantity)];
  if (key >= costs_.size()) costs_.resize(std::size_t{key} + 1);
  return costs_[key];
}

std::int64_t LearnedRates::Of(std::uint32_t key, Quantity quantity, Timestamp at) const {
  Rate rate;
  if (quantity == Quantity::kCost) {
    if (key < costs_.size()) rate = costs_[key];
  } else if (const auto found = others_.find(Number(key, quantity)); found != others_.end()) {
    rate = found->second;
  }
  if (rate.per_second == 0) return 0;
  const auto age = std::int64_t{SecondsOf(at)} - std::int64_t{rate.at};
  if (age <= 0) return rate.per_second;
  if (age >= kFade) return 0;
  return MultiplyDivide(rate.per_second, kFade - age, kFade);
}

void LearnedRates::Learn(std::uint32_t key, Quantity quantity, std::int64_t per_second,
                         Timestamp at) {
  if (per_second <= Of(key, quantity, at)) return;
  Rate& rate = Slot(key, quantity);
  // Samples of one series follow each other: what it was before all of them is enough.
  const bool known = !undo_.empty() && undo_.back().key == key && undo_.back().quantity == quantity;
  if (!known) undo_.push_back({key, quantity, rate});
  rate.per_second = per_second;
  rate.at = SecondsOf(at);
}

std::vector<std::pair<std::uint32_t, std::int64_t>> LearnedRates::Raised() {
  std::vector<std::pair<std::uint32_t, std::int64_t>> raised;
  for (const auto& undo : undo_) {
    if (undo.quantity != Quantity::kCost) continue;
    Rate& rate = costs_[undo.key];
    const bool higher = rate.per_second > rate.given + rate.given / 8;
    if (!higher && rate.at - std::min(rate.at, rate.given_at) < kFade / 10) continue;
    rate.given = rate.per_second;
    rate.given_at = rate.at;
    raised.emplace_back(undo.key, rate.per_second);
  }
  std::sort(raised.begin(), raised.end());
  return raised;
}

void LearnedRates::Abandon() {
  for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo)
    Slot(undo->key, undo->quantity) = undo->before;
  undo_.clear();
}

}  // namespace purser::usage
