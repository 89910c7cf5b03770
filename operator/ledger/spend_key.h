// The dimensions spend is aggregated by.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace purser::ledger {

// Bytes of each string, and of a source's name. A longer one is kInvalidArgument.
inline constexpr std::size_t kLongestName = 256;

// An empty string: the source did not say.
struct SpendKey {
  std::string source, ns, agent, model, task, workflow;
  auto operator<=>(const SpendKey&) const = default;
};

// Of all but the source, of which there are few.
struct SpendKeyHash {
  std::size_t operator()(const SpendKey& key) const {
    std::size_t hash = 0;
    for (const auto* part : {&key.ns, &key.agent, &key.model, &key.task, &key.workflow})
      hash = hash * kFactor + std::hash<std::string_view>()(*part);
    return hash;
  }

 private:
  static constexpr std::size_t kFactor = 0x9E3779B97F4A7C15;  // 2^64 over the golden ratio
};

}  // namespace purser::ledger
