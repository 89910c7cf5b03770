// Instants and windows written as text, for tables.
#pragma once

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "base/clock.h"
#include "base/time_text.h"
#include "policy/window.h"

namespace purser::policy {

// "2026-11-23T05:00:00Z" or "2026-11-23T05:00:00.999Z": always UTC.
inline Timestamp At(const std::string& text) {
  int year = 0;
  unsigned month = 0, day = 0;
  int hour = 0, minute = 0, second = 0, millisecond = 0;
  const int read = std::sscanf(text.c_str(), "%4d-%2u-%2uT%2d:%2d:%2d.%3dZ", &year, &month, &day,
                               &hour, &minute, &second, &millisecond);
  if (read < 6 || text.back() != 'Z') throw std::invalid_argument("not an instant: " + text);
  using namespace std::chrono;
  const sys_days date =
      year_month_day(std::chrono::year(year), std::chrono::month(month), std::chrono::day(day));
  return Timestamp(date) + hours(hour) + minutes(minute) + seconds(second) +
         milliseconds(millisecond);
}

inline std::string Text(const Window& window) {
  return FormatUtc(window.start) + " " + FormatUtc(window.end);
}

}  // namespace purser::policy
