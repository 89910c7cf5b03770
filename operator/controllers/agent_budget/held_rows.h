// What rows hold by hysteresis, written down when it changes: a restart forgets none of it.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "api/agent_budget.h"
#include "controllers/agent_budget/evaluation.h"
#include "ledger/hold.h"
#include "ledger/ledger.h"
#include "policy/latch.h"

namespace purser::controllers {

// Of which spec what is held is.
std::string SpecId(const api::AgentBudget& budget);

// Thread-safe. The ledger must outlive it.
class HeldRows {
 public:
  explicit HeldRows(ledger::Ledger& ledger) : ledger_(ledger) {}

  // That the row of this id now holds `now`, under that spec. No I/O: Write does it.
  void Note(const std::string& id, const std::string& spec, const policy::Latches& now);
  // That the row is gone.
  void Gone(const std::string& id, const Row& row);
  // Writes down what was noted since; waits for the disk where there is something.
  void Write();

 private:
  ledger::Ledger& ledger_;
  std::mutex writing_;  // so that what was noted later is written later
  std::mutex mutex_;
  std::map<std::string, ledger::RowHold> noted_;  // by row
};

}  // namespace purser::controllers
