#include "plugin/table.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace purser::plugin {
namespace {

constexpr std::size_t kBetween = 3;
constexpr std::string_view kRed = "31";
constexpr std::string_view kYellow = "33";
constexpr std::string_view kGreen = "32";

constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kColours = {{
    {"Stopped", kRed},
    {"Stopping", kRed},
    {"Draining", kRed},
    {"NotReady", kRed},
    {"Missing", kRed},
    {"Failed", kRed},
    {"RefusingWork", kYellow},
    {"Throttled", kYellow},
    {"Warning", kYellow},
    {"Ramping", kYellow},
    {"Requested", kYellow},
    {"Normal", kGreen},
}};

std::string_view ColourOf(std::string_view cell) {
  const auto found = std::find_if(kColours.begin(), kColours.end(),
                                  [&](const auto& each) { return each.first == cell; });
  return found == kColours.end() ? std::string_view() : found->second;
}

// Characters, not bytes: continuation bytes of UTF-8 take no column.
std::size_t WidthOf(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
  }));
}

std::string_view Shown(std::string_view cell) { return cell.empty() ? "<none>" : cell; }

}  // namespace

std::string Draw(const Table& table, bool colours) {
  std::vector<std::size_t> widths;
  for (const auto& title : table.header) widths.push_back(WidthOf(title));
  for (const auto& row : table.rows)
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i)
      widths[i] = std::max(widths[i], WidthOf(Shown(row[i])));

  std::string text;
  const auto add = [&](const Row& row, bool header) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      const auto cell = header ? std::string_view(row[i]) : Shown(row[i]);
      const auto colour = header || !colours ? std::string_view() : ColourOf(cell);
      if (!colour.empty()) text.append("\033[").append(colour).append("m");
      text.append(cell);
      if (!colour.empty()) text.append("\033[0m");
      if (i + 1 < row.size()) text.append(widths[i] - WidthOf(cell) + kBetween, ' ');
    }
    text += '\n';
  };
  add(table.header, true);
  for (const auto& row : table.rows) add(row, false);
  return text;
}

}  // namespace purser::plugin
