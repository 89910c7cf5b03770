#include "usage/meter/meter.h"

namespace purser::usage {
namespace {

constexpr std::size_t kDescribed = 200;

void AppendPrintable(std::string& text, std::string_view part) {
  for (const char c : part.substr(0, kDescribed)) text += (c < ' ' || c > '~') ? '?' : c;
}

}  // namespace

std::string Describe(std::span<const Label> labels) {
  std::string text;
  for (const auto& label : labels) {
    if (label.name == "__name__") AppendPrintable(text, label.value);
  }
  text += '{';
  bool first = true;
  for (const auto& label : labels) {
    if (label.name == "__name__") continue;
    if (text.size() > kDescribed) break;
    if (!first) text += ',';
    first = false;
    AppendPrintable(text, label.name);
    text += "=\"";
    AppendPrintable(text, label.value);
    text += '"';
  }
  text += '}';
  if (text.size() <= kDescribed) return text;
  text.resize(kDescribed);
  return text + "...";
}

}  // namespace purser::usage
