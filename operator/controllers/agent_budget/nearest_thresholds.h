// Which budget of a source reaches its next threshold first.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"
#include "kube/object/object_meta.h"

namespace purser::controllers {

// Thread-safe. Costs the logarithm of the number of budgets.
class NearestThresholds {
 public:
  // When `budget` of `source` reaches its next threshold, at its present rate; nothing: not soon.
  void Set(const kube::ObjectKey& budget, const std::string& source, std::optional<Timestamp> at);
  void Remove(const kube::ObjectKey& budget);
  // The least time to a threshold of any budget of the source that is still to come.
  std::optional<Duration> NearestOf(const std::string& source, Timestamp now) const;

 private:
  using Entry = std::pair<Timestamp, kube::ObjectKey>;
  void RemoveLocked(const kube::ObjectKey& budget);

  mutable std::mutex mutex_;
  std::map<std::string, std::set<Entry>> by_source_;
  std::map<kube::ObjectKey, std::pair<std::string, Timestamp>> by_budget_;
};

}  // namespace purser::controllers
