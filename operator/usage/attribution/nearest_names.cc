#include "usage/attribution/nearest_names.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace purser::usage::attribution {
namespace {

constexpr std::size_t kLongest = 128;
constexpr std::size_t kShortestPart = 3;  // "ai" begins too many names

// Lower case, without what people put between words.
std::string Folded(std::string_view text) {
  std::string folded;
  for (const char c : text) {
    if (c == '-' || c == '_' || c == '.' || c == ' ' || c == '/') continue;
    folded += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return folded;
}

std::size_t Edits(std::string_view a, std::string_view b) {
  std::array<std::size_t, kLongest + 1> row{};
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t corner = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, corner + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      corner = above;
    }
  }
  return row[b.size()];
}

// How far apart, 0 the nearest; nothing: not near.
std::optional<std::size_t> Distance(const std::string& name, const std::string& candidate) {
  if (name == candidate) return 0;
  const auto& shorter = name.size() < candidate.size() ? name : candidate;
  const auto& longer = name.size() < candidate.size() ? candidate : name;
  const std::size_t edits = Edits(name, candidate);
  if (edits <= std::max<std::size_t>(1, shorter.size() / 3)) return edits;
  const bool part =
      shorter.size() >= kShortestPart && (longer.starts_with(shorter) || longer.ends_with(shorter));
  if (part) return kLongest + edits;
  return std::nullopt;
}

}  // namespace

std::vector<std::string> NearestNames(std::string_view name,
                                      const std::vector<std::string>& candidates,
                                      std::size_t most) {
  const auto folded = Folded(name);
  if (folded.empty() || name.size() > kLongest) return {};
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const auto& candidate : candidates) {
    if (candidate.size() > kLongest) continue;
    const auto other = Folded(candidate);
    if (other.empty()) continue;
    if (const auto distance = Distance(folded, other)) near.emplace_back(*distance, candidate);
  }
  std::sort(near.begin(), near.end());
  near.erase(std::unique(near.begin(), near.end()), near.end());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(most, near.size()); ++i)
    names.push_back(std::move(near[i].second));
  return names;
}

}  // namespace purser::usage::attribution
