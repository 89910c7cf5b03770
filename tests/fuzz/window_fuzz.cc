// A budget's window: the zone's name, a line of the period and the first weekday, a line of the
// time in milliseconds.
#include "policy/window.h"

#include <date/tz.h>

#include <algorithm>
#include <charconv>

#include "fuzz/target.h"

namespace purser::fuzz {
namespace {

// The years a clock may show.
constexpr std::int64_t kEarliest = 0;
constexpr std::int64_t kLatest = 253'402'300'799'999;

// Most names become one that exists, chosen by their bytes: unknown ones are slow, and all the
// same.
std::string ZoneOf(std::string_view line) {
  constexpr std::uint32_t kKept = 64;
  const auto& zones = date::get_tzdb().zones;
  const auto same = [&](const auto& zone) { return zone.name() == line; };
  std::uint32_t sum = 0;
  for (const char c : line) sum = sum * 31 + static_cast<unsigned char>(c);
  if (sum % kKept == 0 || std::any_of(zones.begin(), zones.end(), same)) return std::string(line);
  return zones[sum % zones.size()].name();
}

void CheckWindow(Timestamp now, const api::WindowSpec& spec) {
  const auto window = policy::WindowAt(now, spec);
  if (!window) {
    Require(!window.error().message().empty(), "a refusal says why");
    return;
  }
  Require(window->start <= now && now < window->end, "the window holds the time");
  Require(policy::WindowAt(window->start, spec).value() == *window, "its start is in it");
  Require(policy::WindowAt(window->end - Duration(1), spec).value() == *window, "its end is");
  const auto before = policy::WindowBefore(*window, spec);
  Require(before.ok() && before->end == window->start, "the one before ends where it starts");
  Require(!policy::FormatTime(now, spec.time_zone).empty(), "the time can be shown");
}

}  // namespace
}  // namespace purser::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace purser;
  std::string_view rest = fuzz::TextOf(data, size);
  api::WindowSpec spec;
  spec.time_zone = fuzz::ZoneOf(fuzz::TakeLine(rest));
  const auto choice = fuzz::TakeLine(rest);
  if (!choice.empty()) spec.period = static_cast<api::Period>(choice[0] & 3);
  if (choice.size() > 1)
    spec.week_start = static_cast<api::Weekday>(1 + static_cast<unsigned char>(choice[1]) % 7);
  std::int64_t milliseconds = 0;
  static_cast<void>(std::from_chars(rest.data(), rest.data() + rest.size(), milliseconds));
  if (milliseconds < fuzz::kEarliest || milliseconds > fuzz::kLatest) return 0;
  fuzz::CheckWindow(Timestamp(Duration(milliseconds)), spec);
  return 0;
}
