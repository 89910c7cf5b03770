#include "kube/work_queue.h"

namespace purser::kube {

std::chrono::milliseconds BackoffAfter(int failures, double jitter) {
  const int doublings = std::clamp(failures, 0, 20);
  const auto base = std::min(kLongestBackoff, kFirstBackoff * (std::int64_t{1} << doublings));
  return base + std::chrono::milliseconds(
                    static_cast<std::int64_t>(static_cast<double>(base.count()) * jitter / 4));
}

}  // namespace purser::kube
