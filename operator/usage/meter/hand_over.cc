#include "usage/meter/hand_over.h"

#include <algorithm>

namespace purser::usage {
namespace {

// Longer ago than this, what ended is no more than a memory.
constexpr Duration kLongest = std::chrono::minutes(10);
// A series that never rose may be a short job's whole spend; one that was there so long is a total.
constexpr Duration kSettled = std::chrono::minutes(10);
// How long a decision may wait for more samples.
constexpr int kPatience = 4;  // scrapes

}  // namespace

bool HandOver::Eligible(Number number, Quantity quantity) const {
  const Identity& identity = identities_[number];
  if (identity.quantity != quantity || identity.handed_over) return false;
  if (identity.value < OneOf(quantity)) return false;
  return identity.rooted || identity.at() - TimeOf(identity.born) >= kSettled;
}

// Shown after `at` as it was lately before: collectors keep the last of a client for minutes.
bool HandOver::Still(const Identity& identity, Timestamp at) {
  if (identity.changed == 0) return false;
  const Timestamp changed = TimeOf(identity.changed);
  return changed < at && at - changed <= kLongest;
}

HandOver::ByValue& HandOver::Candidates(std::uint32_t key) {
  const auto [place, fresh] = by_key_.try_emplace(key);
  if (fresh) {
    identities_.Each(
        key, [&](Number number) { place->second.emplace_back(identities_[number].value, number); });
    std::sort(place->second.begin(), place->second.end());
  }
  return place->second;
}

void HandOver::Update(std::uint32_t key, Number number) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  const std::pair entry(identities_[number].value, number);
  auto& list = found->second;
  const auto place = std::lower_bound(list.begin(), list.end(), entry);
  if (place == list.end() || *place != entry) list.insert(place, entry);
}

HandOver::Found HandOver::Find(const First& first, Timestamp now) {
  const std::int64_t value = first.sample.value;
  const Timestamp at = first.sample.at;
  const Quantity quantity = first.subject.quantity;
  const Duration silent = rules_.scrape_interval * 3 / 2;
  const auto much = counter_.Likely(first.subject, at) / 4;
  const auto& list = Candidates(first.subject.key);
  Found result;
  // One that had shown a little more: what is shown first may lie below, as a dip does.
  const auto highest = Add(value, counter_.SmallFall(first.subject, at, value));
  for (auto place = std::upper_bound(list.begin(), list.end(), std::pair(highest, kNobody));
       place != list.begin();) {
    const auto& [total, number] = *--place;
    const auto learned = counter_.Learnable(first.subject, at,
                                            at - identities_[number].at() + rules_.scrape_interval);
    // Where much hangs on it, one that may have come so far is enough.
    const auto near = !first.plausible ? std::max(total / 10, learned)
                      : total > much
                          ? std::max(total / 10, counter_.Earnable(first.subject, at,
                                                                   at - identities_[number].at()))
                          : std::max(total / 100, std::min(total / 10, learned));
    // Smaller ones lie further off still, whatever was learned.
    if (value - total > std::max(total / 10, counter_.Earnable(first.subject, at, kLongest))) break;
    if (value - total > near) continue;
    const Identity& ended = identities_[number];
    if (ended.value != total || !Eligible(number, quantity)) continue;
    // It began anew when the other had ended.
    if (first.plausible && first.start && *first.start > ended.at() - rules_.scrape_interval)
      continue;
    const Duration gap = at - ended.at();
    if (gap > kLongest) continue;
    if (gap < Duration::zero() && (first.plausible || !Still(ended, at))) continue;
    const bool over = gap >= silent || first.latest - ended.at() >= silent ||
                      (gap < Duration::zero() && first.latest - at >= silent) ||
                      now - at > rules_.scrape_interval * kPatience;
    if (over) return {number, false};
    result.undecided = true;
  }
  return result;
}

HandOver::Found HandOver::FindClient(const First& first, std::uint32_t client) {
  const std::int64_t value = first.sample.value;
  const Timestamp at = first.sample.at;
  const Duration silent = rules_.scrape_interval * 3 / 2;
  const auto near = std::max(value / 10, counter_.Learnable(first.subject, at, kLongest));
  const auto& list = Candidates(first.subject.key);
  Found result;
  for (auto place = std::upper_bound(list.begin(), list.end(), std::pair(value, kNobody));
       place != list.begin();) {
    const auto& [total, number] = *--place;
    if (value - total > near) break;
    const Identity& ended = identities_[number];
    if (identities_.client(number) != client || ended.value != total || total == 0) continue;
    if (ended.quantity != first.subject.quantity || ended.handed_over) continue;
    const Duration gap = at - ended.at();
    if (gap > kLongest || (gap < Duration::zero() && !Still(ended, at))) continue;
    if (gap >= silent || first.latest - at >= silent) return {number, false};
    result.undecided = true;
  }
  return result;
}

}  // namespace purser::usage
