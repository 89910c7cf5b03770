// What target_info tells of the programs behind series: for meters that pass through an
// OpenTelemetry collector.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "usage/meter/meter.h"

namespace purser::usage::attribution {

// Made anew of each answer to AuxiliarySelector. Not thread-safe.
class TargetTable {
 public:
  // One series of target_info. Several of one target that say different things of a label say
  // nothing of it: a guess would be somebody else's spend.
  void Add(std::span<const Label> target_info);
  // What is said of the target of a series (by job and instance, and what Prometheus renamed of
  // them); "" where nothing is. Valid until the next Add.
  std::string_view Find(std::span<const Label> series, std::string_view label) const;
  std::size_t size() const { return targets_.size(); }

 private:
  using Values = std::map<std::string, std::string, std::less<>>;
  std::map<std::string, Values, std::less<>> targets_;
};

}  // namespace purser::usage::attribution
