// How far back reads go, how much history one query takes, and when to look for what came late.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace purser::usage {

// Pure. Not thread-safe.
class Reach {
 public:
  // `lateness`: how late a sample may be for a poll to find it.
  Reach(Duration scrape, Duration lateness) : scrape_(scrape), lateness_(lateness) {}

  // Beyond what was read: samples may show two scrapes late, and as late as they lately did.
  Duration Late() const { return std::min(2 * scrape_ + lag_, std::max(lateness_, 2 * scrape_)); }
  // New samples of a read were that old.
  void Lagged(Duration lag, Timestamp now);

  // The most history one query takes: sized by samples, whatever the number of series.
  Duration chunk() const { return chunk_; }
  void Took(std::int64_t samples, Duration of);
  // The answer was too large. False: it cannot be made smaller.
  bool Halve(Duration taken);
  void CaughtUp() { chunk_ = kFirstChunk; }

  // How far to look back now; nothing: not yet. Every four scrapes (15 s to a minute) as far as
  // `lateness`, every two minutes an hour, every hour a day; at most a twentieth of the time goes
  // into looking.
  std::optional<Duration> LookDue(Timestamp now) const;
  void Looked(Duration reach, Timestamp now, Duration took);

 private:
  static constexpr Duration kFirstChunk = std::chrono::minutes(5);

  const Duration scrape_;
  const Duration lateness_;
  Duration lag_{};
  Timestamp lag_at_;
  Duration chunk_ = kFirstChunk;
  std::optional<Timestamp> looked_, looked_hour_, looked_day_;
  Timestamp rest_until_;
};

}  // namespace purser::usage
