#include "usage/prometheus/problem.h"

namespace purser::usage {

std::string Printable(std::string_view text, std::size_t limit) {
  std::string printable;
  for (const char c : text.substr(0, limit)) printable += (c < ' ' || c > '~') ? '?' : c;
  if (text.size() > limit) printable += "...";
  return printable;
}

}  // namespace purser::usage
