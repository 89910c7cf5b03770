// A replay as a picture: what was asked, what would have been spent, and when budgets spoke. Pure.
#pragma once

#include <string>

#include "backtest/replay.h"

namespace purser::backtest {

// An SVG of 900 by 420, with text for screen readers, that needs nothing from elsewhere.
std::string PictureOf(const Replayed& replayed);

}  // namespace purser::backtest
