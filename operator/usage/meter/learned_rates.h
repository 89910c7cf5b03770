// The largest rate each spend key has been seen to burn at: what is plausible of it.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "usage/meter/identity.h"
#include "usage/meter/meter.h"

namespace purser::usage {

// a * b / c without overflow in between, saturating; a, b >= 0, c > 0.
std::int64_t MultiplyDivide(std::int64_t a, std::int64_t b, std::int64_t c);

// A rate fades to nothing within a week unless it is seen again. Units of the quantity a second.
class LearnedRates {
 public:
  void Load(std::uint32_t key, std::int64_t per_second, Timestamp at);
  // As of `at`.
  std::int64_t Of(std::uint32_t key, Quantity quantity, Timestamp at) const;
  // Takes it up if it is more than what is known.
  void Learn(std::uint32_t key, Quantity quantity, std::int64_t per_second, Timestamp at);

  // Costs' rates raised since Commit or Abandon so far above what Raised last gave of their keys
  // that it is worth writing (an eighth, or a tenth of the week in which that fades); each once.
  std::vector<std::pair<std::uint32_t, std::int64_t>> Raised();
  void Commit() { undo_ = std::vector<Undo>(); }
  void Abandon();

 private:
  struct Rate {
    std::int64_t per_second = 0;
    Seconds at = 0;
    // As Raised gave it.
    Seconds given_at = 0;
    std::int64_t given = 0;
  };
  Rate& Slot(std::uint32_t key, Quantity quantity);

  struct Undo {
    std::uint32_t key;
    Quantity quantity;
    Rate before;
  };
  std::vector<Rate> costs_;  // by key
  std::unordered_map<std::uint64_t, Rate> others_;
  std::vector<Undo> undo_;
};

}  // namespace purser::usage
