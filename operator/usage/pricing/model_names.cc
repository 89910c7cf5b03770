#include "usage/pricing/model_names.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/pattern.h"

namespace purser::usage::pricing {
namespace {

constexpr std::size_t kLongest = 256;
constexpr std::size_t kMostCuts = 16;

// As OpenTelemetry and gateways call them -> as catalogues do.
std::string_view CatalogueProvider(std::string_view provider) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kNames = {{
      {"aws.bedrock", "bedrock"},
      {"az.ai.openai", "azure"},
      {"azure.ai.openai", "azure"},
      {"az.ai.inference", "azure_ai"},
      {"gcp.gemini", "gemini"},
      {"gcp.vertex_ai", "vertex_ai"},
      {"x_ai", "xai"},
  }};
  for (const auto& [name, known] : kNames) {
    if (name == provider) return known;
  }
  return provider;
}

// What is left of a name when the first part is taken off; nothing when there is none.
std::optional<std::string_view> WithoutFirst(std::string_view name) {
  if (const auto slash = name.find('/'); slash != std::string_view::npos)
    return name.substr(slash + 1);
  const auto point = name.find('.');
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; };
  if (point == std::string_view::npos || point == 0 ||
      !std::all_of(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(point), letter)) {
    return std::nullopt;
  }
  return name.substr(point + 1);
}

std::optional<std::string_view> WithoutLast(std::string_view name) {
  static const std::optional<Pattern> kEnd = [] {
    auto pattern = Pattern::Compile(
        "(.+?)(?:\\[[a-z0-9]+\\]|-v[0-9]+(?::[0-9]+)?|:[0-9]+|[-@]20[0-9]{6}|"
        "-20[0-9]{2}-[0-9]{2}-[0-9]{2})");
    return pattern.ok() ? std::optional(std::move(*pattern)) : std::nullopt;
  }();
  return kEnd ? kEnd->Extract(name) : std::nullopt;
}

void AddCuts(std::string_view name, std::vector<std::string_view>& into) {
  std::optional<std::string_view> behind = name;
  for (std::size_t i = 0; behind && !behind->empty() && i < kMostCuts; ++i) {
    into.push_back(*behind);
    behind = WithoutLast(*behind);
  }
}

}  // namespace

std::vector<std::string> CatalogueNames(std::string_view provider, std::string_view model) {
  if (model.empty() || model.size() > kLongest || provider.size() > kLongest) return {};
  std::vector<std::string_view> cuts;
  std::optional<std::string_view> front = model;
  for (std::size_t i = 0; front && !front->empty() && i < kMostCuts; ++i) {
    AddCuts(*front, cuts);
    front = WithoutFirst(*front);
  }
  std::stable_sort(cuts.begin(), cuts.end(),
                   [](std::string_view a, std::string_view b) { return a.size() > b.size(); });
  std::vector<std::string> names;
  provider = CatalogueProvider(provider);
  if (!provider.empty()) {
    for (const auto cut : cuts) names.push_back(std::string(provider) + "/" + std::string(cut));
  }
  for (const auto cut : cuts) names.emplace_back(cut);
  return names;
}

}  // namespace purser::usage::pricing
