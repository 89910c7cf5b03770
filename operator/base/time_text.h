// Times as text: RFC 3339 in UTC, as Kubernetes writes them. Other zones: policy/window.h.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace purser {

// Years 0 to 9999; what is smaller than the last digit is cut off.
std::string FormatUtc(Timestamp time);        // "2026-11-23T05:00:00Z"
std::string FormatUtcMillis(Timestamp time);  // "2026-11-23T05:00:00.123Z"
// "2026-11-23T05:00:00.123456Z": a MicroTime, of Leases and Events.
std::string FormatUtcMicros(std::chrono::sys_time<std::chrono::microseconds> time);

// RFC 3339 with "Z" or an offset, up to 64 bytes: every field of its full width, in its range, and
// nothing after it. A second 60 is the next minute's first; fractions of a second are dropped.
// Nothing when `text` is anything else.
std::optional<Timestamp> ParseRfc3339(std::string_view text);

}  // namespace purser
