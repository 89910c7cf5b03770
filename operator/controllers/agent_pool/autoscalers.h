// Which autoscaler names a workload: what scales by itself wishes nothing, whoever writes for it.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "kube/client.h"

namespace purser::controllers {

struct Autoscaler {
  enum class Kind { kHorizontalPodAutoscaler, kScaledObject } kind = Kind::kHorizontalPodAutoscaler;
  std::string name;
  std::string bounds{};  // "minReplicas 8, maxReplicas 30"; empty: not told
  bool operator==(const Autoscaler&) const = default;
};

// Reads one HorizontalPodAutoscaler or ScaledObject of a list: nothing if it scales another
// workload than `kind` `name`, or is no such object. KEDA's own HorizontalPodAutoscalers stand for
// their ScaledObject.
std::optional<Autoscaler> AutoscalerOf(std::string_view item, Autoscaler::Kind what,
                                       std::string_view kind, std::string_view name);

// Thread-safe. Asks the API server only when it is asked, and remembers the answer for a while.
// Whoever cannot be listed (no such kind, no right) is not there.
class Autoscalers {
 public:
  static constexpr Duration kRememberedFor = std::chrono::seconds(30);
  Autoscalers(kube::Client& client, Clock& clock) : client_(client), clock_(clock) {}

  std::optional<Autoscaler> Of(const std::string& ns, const std::string& kind,
                               const std::string& name);

 private:
  struct Known {
    std::optional<Autoscaler> autoscaler;
    Timestamp until;
  };
  std::optional<Autoscaler> Ask(const std::string& ns, const std::string& kind,
                                const std::string& name);

  kube::Client& client_;
  Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;  // by "namespace/kind/name"
};

}  // namespace purser::controllers
