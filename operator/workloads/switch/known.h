// The kinds of others that a field stops, as far as Purser knows them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace purser::workloads {

struct KnownSwitch {
  std::string_view group;
  std::string_view kind;
  std::string_view path;     // JSON pointer
  std::string_view stopped;  // JSON
  std::string_view pods{};   // label of its pods that holds its name; empty: those that it owns
};

// Null: not known.
const KnownSwitch* FindSwitch(std::string_view group, std::string_view kind);
const std::vector<KnownSwitch>& KnownSwitches();

}  // namespace purser::workloads
