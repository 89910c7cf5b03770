#include "usage/prometheus/reach.h"

#include <algorithm>

namespace purser::usage {
namespace {

// About 25 MB of an answer, which is parsed as it comes; each key's page is written once for all
// its minutes.
constexpr std::int64_t kMostSamples = 800'000;
constexpr Duration kLongestChunk = std::chrono::hours(1);
constexpr Duration kForgetLag = std::chrono::minutes(30);
constexpr Duration kMinute = std::chrono::minutes(1);
constexpr Duration kHour = std::chrono::hours(1);
constexpr Duration kDay = std::chrono::hours(24);
constexpr int kRestFactor = 20;

}  // namespace

void Reach::Lagged(Duration lag, Timestamp now) {
  if (lag >= lag_ || now - lag_at_ > kForgetLag) {
    lag_ = std::max(lag, Duration::zero());
    lag_at_ = now;
  }
}

void Reach::Took(std::int64_t samples, Duration of) {
  if (samples > kMostSamples) {
    chunk_ = std::max(of / 2, 2 * scrape_);
  } else if (samples < kMostSamples / 2) {
    chunk_ = std::min(std::max(chunk_, of) * 2, kLongestChunk);
  }
}

bool Reach::Halve(Duration taken) {
  if (taken <= 2 * scrape_) return false;
  chunk_ = std::max(taken / 2, 2 * scrape_);
  return true;
}

std::optional<Duration> Reach::LookDue(Timestamp now) const {
  if (now < rest_until_) return std::nullopt;
  const auto due = [&](const std::optional<Timestamp>& last, Duration every) {
    return !last || now - *last >= every || now < *last;
  };
  if (due(looked_day_, kHour)) return kDay;
  if (due(looked_hour_, 2 * kMinute)) return kHour;
  if (due(looked_, std::clamp<Duration>(4 * scrape_, std::chrono::seconds(15), kMinute)))
    return lateness_;
  return std::nullopt;
}

void Reach::Looked(Duration reach, Timestamp now, Duration took) {
  looked_ = now;
  if (reach >= kHour) looked_hour_ = now;
  if (reach >= kDay) looked_day_ = now;
  rest_until_ = now + kRestFactor * took;
}

}  // namespace purser::usage
