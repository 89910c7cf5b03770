#include "policy/window.h"

#include <date/tz.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>
#include <string_view>
#include <vector>

#include "base/time_text.h"

namespace purser::policy {
namespace {

using date::days;
using date::local_days;
using LocalTime = date::local_time<std::chrono::milliseconds>;
using Seconds = std::chrono::seconds;

// Letters and digits in lower case: "America/NewYork" and "america/new_york" are the same.
std::string Folded(std::string_view text) {
  std::string folded;
  for (const char c : text) {
    if (c == '_' || c == ' ' || c == '-') continue;
    folded += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  return folded;
}

// Letters to insert, remove or replace (Levenshtein).
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row.back();
}

// The zone whose name, or whose city, is nearest to what was written; a well known one when none is
// near.
std::string NearestZone(const std::string& name) {
  constexpr std::size_t kLongest = 64;  // of the schema
  constexpr std::size_t kNear = 3;      // exclusive
  std::string nearest = "America/New_York";
  if (name.size() > kLongest) return nearest;
  const auto wanted = Folded(name);
  std::size_t best = std::min(kNear, wanted.size() / 2);
  for (const auto& zone : date::get_tzdb().zones) {
    const auto folded = Folded(zone.name());
    const auto city = std::string_view(folded).substr(folded.rfind('/') + 1);
    const auto distance = std::min(Distance(wanted, folded), Distance(wanted, city));
    if (distance >= best) continue;
    best = distance;
    nearest = zone.name();
  }
  return nearest;
}

Error UnknownZone(const std::string& name) {
  try {
    return Error(
        ErrorCode::kInvalidArgument,
        "unknown time zone \"" + name + "\": use an IANA name such as " + NearestZone(name));
  } catch (const std::exception&) {
    return Error(ErrorCode::kInvalidArgument,
                 "time zone \"" + name +
                     "\" cannot be looked up: install the time zone database (package tzdata)");
  }
}

// Looked up once per name: the library's own search is slow and throws.
Result<const date::time_zone*> FindZone(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, const date::time_zone*> known;
  const std::lock_guard lock(mutex);
  if (const auto found = known.find(name); found != known.end()) return found->second;
  try {
    const auto* zone = date::locate_zone(name);
    known.emplace(name, zone);
    return zone;
  } catch (const std::exception&) {
    return UnknownZone(name);
  }
}

// Offsets are whole quarter hours, but some clocks were changed at 00:01 (Casey in 2020). The
// ledger folds spend into quarter hours, so such a change is taken to happen at the start of its
// quarter.
Timestamp QuarterOf(Timestamp time) {
  return date::floor<std::chrono::duration<std::int64_t, std::ratio<900>>>(time);
}

// The first instant at or after the local time: the earlier of two, the end of a gap.
Timestamp Earliest(const date::time_zone& zone, LocalTime local) {
  return QuarterOf(zone.to_sys(local, date::choose::earliest));
}

date::year_month_day FirstOfMonth(date::year_month_day day) { return day.year() / day.month() / 1; }

// The local start of the period that holds `day`, and of the next one.
std::pair<local_days, local_days> LocalPeriod(local_days day, const api::WindowSpec& spec) {
  switch (spec.period) {
    case api::Period::kWeek: {
      const auto first = date::weekday(static_cast<unsigned>(spec.week_start) % 7);
      const auto start = day - (date::weekday(day) - first);
      return {start, start + days(7)};
    }
    case api::Period::kMonth: {
      const auto first = FirstOfMonth(date::year_month_day(day));
      return {local_days(first), local_days(first + date::months(1))};
    }
    case api::Period::kHour:
    case api::Period::kDay:
      break;
  }
  return {day, day + days(1)};
}

Window DayOrLonger(Timestamp now, const date::time_zone& zone, const api::WindowSpec& spec) {
  const auto local = zone.to_local(now);
  auto [start, end] = LocalPeriod(date::floor<days>(local), spec);
  Window window{Earliest(zone, start), Earliest(zone, end)};
  // A clock set back across midnight makes a date that already ended appear again: it stays in the
  // later window.
  while (window.end <= now) {
    start = end;
    end = LocalPeriod(start, spec).second;
    window = {window.end, Earliest(zone, end)};
  }
  return window;
}

// Local wall-clock hours. A change of offset inside an hour cuts it there.
Window HourOf(Timestamp now, const date::time_zone& zone) {
  auto info = zone.get_info(date::floor<Seconds>(now));
  if (QuarterOf(info.end) <= now) info = zone.get_info(info.end);
  const auto local = now + info.offset;
  const auto start = date::floor<std::chrono::hours>(local) - info.offset;
  Window window{Timestamp(start.time_since_epoch()),
                Timestamp((start + std::chrono::hours(1)).time_since_epoch())};
  // The database also notes changes of name alone; they cut nothing.
  const Timestamp begin = QuarterOf(info.begin);
  const Timestamp end = QuarterOf(info.end);
  if (window.start < begin && zone.get_info(info.begin - Seconds(1)).offset != info.offset) {
    window.start = begin;
  }
  if (window.end > end && zone.get_info(info.end).offset != info.offset) window.end = end;
  return window;
}

Window RollingAt(Timestamp now, const api::WindowSpec& spec) {
  const auto step = ExactTo(spec);
  const auto begun = (now - spec.length).time_since_epoch();
  // Rounded down, before 1970, too.
  auto steps = begun / step;
  if (begun % step < Duration::zero()) --steps;
  const auto start = Timestamp(steps * step);
  return {start, start + step + spec.length};
}

}  // namespace

Duration ExactTo(const api::WindowSpec& spec) {
  return spec.length <= std::chrono::hours(48) ? Duration(std::chrono::minutes(1))
                                               : Duration(std::chrono::minutes(15));
}

Result<Window> WindowAt(Timestamp now, const api::WindowSpec& spec, Timestamp created) {
  if (spec.type == api::WindowType::kRolling) return RollingAt(now, spec);
  if (spec.type == api::WindowType::kLifetime)
    return Window{QuarterOf(spec.since.value_or(created)), kNever};
  const auto zone = FindZone(spec.time_zone);
  if (!zone) return zone.error();
  try {
    return spec.period == api::Period::kHour ? HourOf(now, **zone) : DayOrLonger(now, **zone, spec);
  } catch (const std::exception& failure) {
    return Error(ErrorCode::kInvalidArgument,
                 "time zone \"" + spec.time_zone + "\" cannot be evaluated: " + failure.what());
  }
}

Result<Window> WindowBefore(const Window& window, const api::WindowSpec& spec) {
  return WindowAt(window.start - Duration(1), spec);
}

std::string FormatTime(Timestamp time, const std::string& zone_name) {
  const auto zone = FindZone(zone_name);
  if (!zone || zone_name == "UTC") return FormatUtc(time);
  const auto seconds = date::floor<Seconds>(time);
  return date::format("%FT%T%Ez", date::make_zoned(*zone, seconds));
}

std::string FormatDuration(Duration duration) {
  const auto total =
      std::max<std::int64_t>(0, std::chrono::duration_cast<Seconds>(duration).count());
  const std::int64_t parts[] = {total / 86'400, total / 3'600 % 24, total / 60 % 60, total % 60};
  constexpr char kUnits[] = {'d', 'h', 'm', 's'};
  std::string text;
  int written = 0;
  for (std::size_t i = 0; i < 4 && written < 2; ++i) {
    if (parts[i] == 0 && (written == 0 || i == 3)) {
      if (written > 0) ++written;
      continue;
    }
    if (parts[i] != 0) text += std::to_string(parts[i]) + kUnits[i];
    ++written;
  }
  return text.empty() ? "0s" : text;
}

}  // namespace purser::policy
