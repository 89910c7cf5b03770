// Figures as people read them. Pure.
#pragma once

#include <string>

#include "money/money.h"

namespace purser::backtest {

// Rounded to so many decimals: "41.2".
std::string Rounded(double value, int decimals);
// To the cent: "41.24".
std::string Cents(Money money);
// `text` with blanks to the left, or to the right, up to `width` bytes.
std::string PadLeft(std::string text, std::size_t width);
std::string PadRight(std::string text, std::size_t width);

}  // namespace purser::backtest
