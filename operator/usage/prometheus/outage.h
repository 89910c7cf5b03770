// Times in which a source could not be read, and whether spend may be missing of one.
#pragma once

#include <optional>

#include "base/clock.h"
#include "ledger/ledger.h"

namespace purser::usage {

// Pure; at most one outage at a time. Not thread-safe.
class Outage {
 public:
  // `usual`: how far behind a reader is without an outage. `complete`: up to where it has read.
  // True: one began.
  bool Begin(Timestamp now, Timestamp complete, std::optional<Timestamp> newest_sample,
             Duration usual);
  // The oldest sample that a read of it found new.
  void Found(Timestamp oldest_new);
  // Caught up. Nothing: all that was spent meanwhile was read.
  std::optional<ledger::Gap> End(Duration usual);

  bool lasts() const { return now_.has_value(); }
  // While one lasts.
  Timestamp from() const { return now_->from; }

 private:
  struct State {
    Timestamp from;
    bool had_series = false;
    std::optional<Timestamp> oldest_new;
  };
  std::optional<State> now_;
};

}  // namespace purser::usage
