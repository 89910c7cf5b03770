// Windows: half-open [start, end), a pure function of (now, spec). No timer decides a reset.
//
//            since when                    until when            what relaxes
// Calendar   its hour, day, week or month  the next one's start  the end alone
// Rolling    so long before now            never                 its beginning moves on
// Lifetime   a moment's quarter hour       never                 nothing
#pragma once

#include <string>

#include "api/agent_budget.h"
#include "base/clock.h"
#include "base/result.h"

namespace purser::policy {

struct Window {
  Timestamp start;
  // Until when `start` stays so: of a Rolling window until its beginning moves on.
  Timestamp end;
  bool operator==(const Window&) const = default;
};

// The end of a window that never ends.
inline constexpr Timestamp kNever = Timestamp(std::chrono::hours(24 * 365 * 500));

// How finely the beginning of a Rolling window moves: a minute up to 48 hours, else a quarter of an
// hour, for so fine is the ledger. So much more than its length counts at most.
Duration ExactTo(const api::WindowSpec& spec);

// The window that contains `now` in the spec's zone: days of 23 and 25 hours, midnights that do not
// exist (the window starts at the first instant of that day) or come twice (at the first of the
// two), month ends, weeks from `week_start`. Hours are local wall-clock hours of the zone. Error
// kInvalidArgument: unknown time zone (the message names it and suggests an IANA name).
// `created`: when the budget was made, for a Lifetime without `since`.
Result<Window> WindowAt(Timestamp now, const api::WindowSpec& spec, Timestamp created = {});

// The calendar window just before `window` under the same spec.
Result<Window> WindowBefore(const Window& window, const api::WindowSpec& spec);

// RFC 3339 to the second: "2026-11-23T00:00:00-05:00" in `zone` (IANA), "…Z" for UTC.
std::string FormatTime(Timestamp time, const std::string& zone);

// "9h12m", "3d4h", "41s": the two most significant units, as kubectl does.
std::string FormatDuration(Duration duration);

}  // namespace purser::policy
