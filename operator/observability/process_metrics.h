// What the process uses, under the names that every exporter gives it (process_*).
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

namespace purser::observability {

// Read from /proc at the call; what cannot be read is left out. Thread-safe.
std::vector<prometheus::MetricFamily> ProcessMetrics();

}  // namespace purser::observability
