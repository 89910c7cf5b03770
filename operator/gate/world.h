// The limits in force, as the gate is told of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/agent_budget.h"
#include "base/clock.h"
#include "money/quantity.h"
#include "policy/level.h"

namespace purser::gate {

// A budget's limit for one of its subjects, and what counts against it.
struct Row {
  std::string id = {};  // the ledger's
  std::string ns = {};
  std::string budget = {};  // "namespace/name", for people
  bool whole_namespace = false;
  std::vector<std::string> agents = {};  // sorted; ignored when whole_namespace
  // Only calls of these; sorted; empty: any.
  std::vector<std::string> models = {};
  std::vector<std::string> tasks = {};
  std::vector<std::string> workflows = {};
  Unit unit = Unit::kUsd;
  api::TokensSpec tokens = {};
  // What may never be passed: the limit at the first threshold that stops; nothing: none stops.
  std::optional<Quantity> ceiling = {};
  // The same for work that is new: at the first that refuses it; nothing: as `ceiling`.
  std::optional<Quantity> new_work = {};
  std::optional<Timestamp> resets_at = {};
  // For other reasons than what is spent: a burn rate, a source that is lost.
  policy::Level level = policy::Level::kNormal;
  bool operator==(const Row&) const = default;
};

struct Agent {
  std::string ns = {};
  std::string name = {};
  std::string pool = {};
  std::int32_t concurrency = 0;          // calls at once; 0: none
  std::vector<std::string> models = {};  // dearest first
  std::int32_t downgrades = 0;           // so many of `models` are out of bounds
  bool stopped = false;
  std::string why = {};  // it is stopped, for people
  bool operator==(const Agent&) const = default;
};

struct Pool {
  std::string ns = {};
  std::string name = {};
  std::int32_t concurrency = 0;  // of all its agents together
  std::int32_t priority = 0;
  bool operator==(const Pool&) const = default;
};

// What is booked of a row, now. Asked for while the gate decides, so that what was booked before a
// reservation ended is seen once that has ended.
class Books {
 public:
  virtual ~Books() = default;
  // Nothing: not known at present, and whoever it covers waits.
  virtual std::optional<Quantity> Booked(const std::string& row) const = 0;
};

}  // namespace purser::gate
