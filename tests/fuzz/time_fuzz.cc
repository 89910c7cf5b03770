// Times and durations written as text: of credentials, of statuses, of the configuration.
#include "api/text_form.h"
#include "base/time_text.h"
#include "fuzz/target.h"

namespace purser::fuzz {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The form of RFC 3339, told apart from its values: "2026-11-23T05:00:00.123-05:00".
bool HasForm(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  const auto fits = [&text](std::string_view form) {
    if (text.size() < form.size()) return false;
    for (std::size_t i = 0; i < form.size(); ++i) {
      if (form[i] == 'd' ? !IsDigit(text[i]) : text[i] != form[i]) return false;
    }
    text.remove_prefix(form.size());
    return true;
  };
  if (!fits(kForm)) return false;
  if (text.starts_with('.')) {
    if (!fits(".d")) return false;
    while (!text.empty() && IsDigit(text.front())) text.remove_prefix(1);
  }
  return text == "Z" || ((fits("+dd:dd") || fits("-dd:dd")) && text.empty());
}

void CheckTime(std::string_view text) {
  const auto time = ParseRfc3339(text);
  if (!time) return;
  Require(HasForm(text), "a time has the form of RFC 3339");
  const auto printed = FormatUtc(*time);
  // An offset may lead out of the four digits of a year.
  if (printed.size() != std::string_view("2026-11-23T05:00:00Z").size()) return;
  Require(ParseRfc3339(printed) == *time, "a time printed and read again is equal");
}

}  // namespace
}  // namespace purser::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace purser;
  const auto text = fuzz::TextOf(data, size);
  fuzz::CheckTime(text);
  const auto duration = api::ParseDuration(text);
  fuzz::Require(!duration || duration->count() >= 0, "a duration is not negative");
  return 0;
}
