#include "usage/prometheus/problem.h"

namespace purser::usage {

Problem StoreProblem(const Error& error) {
  const bool fenced = error.code() == ErrorCode::kFenced;
  return {fenced ? reason::kFenced : reason::kStoreUnavailable, error.message(), error.code()};
}

std::string Printable(std::string_view text, std::size_t limit) {
  std::string printable;
  for (const char c : text.substr(0, limit)) printable += (c < ' ' || c > '~') ? '?' : c;
  if (text.size() > limit) printable += "...";
  return printable;
}

}  // namespace purser::usage
