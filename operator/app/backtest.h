// `purser backtest` and `purser try`: files in, text out; no cluster, no network.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace purser::app {

struct BacktestOptions {
  std::vector<std::string> manifests;  // AgentBudgets and AgentPools
  std::string usage;                   // see backtest/usage_file.h
  std::string ns = "default";          // of calls that name none
  int poll_seconds = 15;
  std::vector<std::string> limits;  // to try side by side
  double refuse_at_most = -1;       // percent: suggest a limit; below 0: none
  std::string svg;                  // a file to write the picture to
  std::string output;               // "" or json
};

// What to print. Errors kInvalidArgument name file, line and way out.
Result<std::string> Backtest(const BacktestOptions& options);

struct TryOptions {
  bool fast = false;  // the day's end alone, at once
  std::string svg;
};

// Draws the day on standard output, in thirty seconds on a terminal; the day's end where it is
// none.
Status Try(const TryOptions& options);

}  // namespace purser::app
