// What a row of a budget holds by hysteresis: in force until it is left, over restarts too.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"

namespace purser::ledger {

struct RowHold {
  std::string row;                // as a total's id
  std::string spec;               // of which spec of the budget: of another one it means nothing
  std::vector<std::string> keys;  // what holds, without line breaks; sorted; none: nothing
  Timestamp at = {};              // when that changed
  bool operator==(const RowHold&) const = default;
};

}  // namespace purser::ledger
