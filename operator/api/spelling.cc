#include "api/spelling.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>

namespace purser::api {
namespace {

constexpr std::size_t kLongestName = 64;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Levenshtein distance, letter case aside, with a swap of neighbours as one edit.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last, last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = Lower(a[i - 1]) == Lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && Lower(a[i - 1]) == Lower(b[j - 2]) &&
                           Lower(a[i - 2]) == Lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = row;
  }
  return last[b.size()];
}

}  // namespace

std::string DidYouMean(std::string_view name, const std::vector<std::string_view>& known) {
  if (name.size() > kLongestName) return "";
  const std::size_t farthest = name.size() <= 3 ? 1 : 2;
  std::size_t nearest_distance = std::numeric_limits<std::size_t>::max();
  std::string_view nearest;
  for (const auto candidate : known) {
    const auto distance = Distance(name, candidate);
    if (distance < nearest_distance) {
      nearest_distance = distance;
      nearest = candidate;
    }
  }
  if (nearest_distance > farthest) return "";
  return "did you mean \"" + std::string(nearest) + "\"?";
}

}  // namespace purser::api
