#include "base/time_text.h"

#include <cstdio>

namespace purser {
namespace {

constexpr std::size_t kLongestTime = 64;

// "2026-11-23T05:00:00"
std::string Seconds(std::chrono::sys_seconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char text[64];
  std::snprintf(text, sizeof(text), "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

template <typename Duration>
std::string WithFraction(std::chrono::sys_time<Duration> time, int digits) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  char fraction[16];
  std::snprintf(fraction, sizeof(fraction), ".%0*dZ", digits,
                static_cast<int>((time - seconds).count()));
  return Seconds(seconds) + fraction;
}

// Takes what is read off the front of a text; once something is missing, everything is.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  // Exactly `digits` digits, not above `most`.
  int Number(std::size_t digits, int most) {
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) value = value * 10 + Digit();
    if (value > most) fine_ = false;
    return value;
  }
  bool Has(char c) const { return rest_.starts_with(c); }
  char Sign() {
    const char sign = Has('-') ? '-' : '+';
    Skip(sign);
    return sign;
  }
  void Skip(char c) {
    fine_ = fine_ && Has(c);
    if (fine_) rest_.remove_prefix(1);
  }
  void SkipDigits() {
    Digit();
    while (!rest_.empty() && IsDigit(rest_.front())) rest_.remove_prefix(1);
  }
  bool AtEnd() const { return fine_ && rest_.empty(); }

 private:
  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }
  int Digit() {
    fine_ = fine_ && !rest_.empty() && IsDigit(rest_.front());
    if (!fine_) return 0;
    const int digit = rest_.front() - '0';
    rest_.remove_prefix(1);
    return digit;
  }

  std::string_view rest_;
  bool fine_ = true;
};

}  // namespace

std::string FormatUtc(Timestamp time) {
  return Seconds(std::chrono::floor<std::chrono::seconds>(time)) + "Z";
}

std::string FormatUtcMillis(Timestamp time) { return WithFraction(time, 3); }

std::string FormatUtcMicros(std::chrono::sys_time<std::chrono::microseconds> time) {
  return WithFraction(time, 6);
}

std::optional<Timestamp> ParseRfc3339(std::string_view text) {
  if (text.size() > kLongestTime) return std::nullopt;
  Reader reader(text);
  const std::chrono::year year(reader.Number(4, 9999));
  reader.Skip('-');
  const std::chrono::month month(static_cast<unsigned>(reader.Number(2, 12)));
  reader.Skip('-');
  const std::chrono::day day(static_cast<unsigned>(reader.Number(2, 31)));
  reader.Skip('T');
  const std::chrono::hours hours(reader.Number(2, 23));
  reader.Skip(':');
  const std::chrono::minutes minutes(reader.Number(2, 59));
  reader.Skip(':');
  const std::chrono::seconds seconds(reader.Number(2, 60));
  if (reader.Has('.')) {
    reader.Skip('.');
    reader.SkipDigits();
  }
  std::chrono::minutes offset{};
  if (reader.Has('Z')) {
    reader.Skip('Z');
  } else {
    const int direction = reader.Sign() == '-' ? -1 : 1;
    const std::chrono::hours offset_hours(reader.Number(2, 23));
    reader.Skip(':');
    offset = direction * (offset_hours + std::chrono::minutes(reader.Number(2, 59)));
  }
  const std::chrono::year_month_day date(year, month, day);
  if (!reader.AtEnd() || !date.ok()) return std::nullopt;
  return Timestamp(std::chrono::sys_days(date)) + hours + minutes + seconds - offset;
}

}  // namespace purser
