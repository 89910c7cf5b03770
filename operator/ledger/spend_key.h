// The dimensions spend is aggregated by.
#pragma once

#include <compare>
#include <cstddef>
#include <string>

namespace purser::ledger {

// Bytes of each string, and of a source's name. A longer one is kInvalidArgument.
inline constexpr std::size_t kLongestName = 256;

// An empty string: the source did not say.
struct SpendKey {
  std::string source, ns, agent, model, task, workflow;
  auto operator<=>(const SpendKey&) const = default;
};

}  // namespace purser::ledger
