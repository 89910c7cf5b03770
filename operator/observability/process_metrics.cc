#include "observability/process_metrics.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

namespace purser::observability {
namespace {

// The fields of /proc/self/stat after the program's name, which may itself hold blanks: the first
// is field 3 of proc(5).
std::vector<std::string> StatFields() {
  std::ifstream file("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto name_ends = text.rfind(')');
  if (name_ends == std::string::npos) return {};
  std::istringstream rest(text.substr(name_ends + 1));
  return {std::istream_iterator<std::string>(rest), {}};
}

// Seconds since 1970 at which the machine started.
std::optional<double> BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return std::nullopt;
}

std::optional<double> OpenFiles() {
  std::error_code failed;
  const std::filesystem::directory_iterator files("/proc/self/fd", failed);
  if (failed) return std::nullopt;
  return static_cast<double>(std::distance(begin(files), end(files)));
}

void Add(std::vector<prometheus::MetricFamily>& families, const char* name, const char* help,
         prometheus::MetricType type, double value) {
  prometheus::ClientMetric metric;
  (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  families.push_back({name, help, type, {metric}});
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessMetrics() {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> families;
  // Positions count from field 3: utime 14, stime 15, starttime 22, vsize 23, rss 24.
  constexpr std::size_t kUserTime = 11, kSystemTime = 12, kStartTime = 19, kVirtual = 20, kRss = 21;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  const auto stat = StatFields();
  if (stat.size() > kRss) {
    const auto field = [&](std::size_t position) { return std::stod(stat[position]); };
    Add(families, "process_cpu_seconds_total", "User and system CPU time.", MetricType::Counter,
        (field(kUserTime) + field(kSystemTime)) / ticks);
    Add(families, "process_virtual_memory_bytes", "Virtual memory.", MetricType::Gauge,
        field(kVirtual));
    Add(families, "process_resident_memory_bytes", "Resident memory.", MetricType::Gauge,
        field(kRss) * page);
    if (const auto boot = BootTime()) {
      Add(families, "process_start_time_seconds", "When the process started, since 1970.",
          MetricType::Gauge, *boot + field(kStartTime) / ticks);
    }
  }
  if (const auto open = OpenFiles()) {
    Add(families, "process_open_fds", "Open file descriptors.", MetricType::Gauge, *open);
  }
  return families;
}

}  // namespace purser::observability
