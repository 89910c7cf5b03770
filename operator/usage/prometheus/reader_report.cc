// What is to be told of single agents, and of a metric that is gone.
#include "usage/prometheus/reader.h"

#include <algorithm>
#include <utility>

namespace purser::usage {

std::vector<std::string> PrometheusReader::MetricNames(std::stop_token stop) {
  return api_.MetricNames(agent_label_, api_.Now() - kFarthestFuture, std::move(stop));
}

std::shared_ptr<const ledger::MeterReport> PrometheusReader::Report() const {
  auto report = std::make_shared<ledger::MeterReport>();
  const auto place = [](const SeriesTable::Agent& agent) {
    return std::pair(std::string(agent.ns), std::string(agent.name));
  };
  const auto add = [&](std::uint32_t key, std::string_view why, const std::string& message,
                       bool lost) {
    const auto agent = table_.AgentOf(key);
    auto& findings = report->findings[place(agent)];
    const bool told = std::any_of(findings.begin(), findings.end(),
                                  [&](const auto& finding) { return finding.reason == why; });
    if (!told) {
      findings.push_back(
          {std::string(agent.ns), std::string(agent.name), std::string(why), message, lost});
    }
  };
  for (const auto& [key, series] : renamed_) {
    add(key, reason::kHonorLabels,
        series +
            " has the namespace of its exporter, its own is in exported_namespace: set "
            "honorLabels on the scrape, or name exported_namespace in "
            "sources[].prometheus.labels.namespace",
        false);
  }
  const auto problem = prices_ == nullptr ? std::string() : prices_->file_problem();
  for (const auto& [key, at] : bookings_.unpriced()) {
    if (clock_.Now() - at > kForgetAfter) continue;
    add(key, reason::kUnpriced,
        "model \"" + Printable(table_.Model(key), 100) + "\" has no price" +
            (prices_->Current()->has_estimate() ? " and is estimated by prices.unknownModel"
                                                : ": its tokens cost nothing here") +
            (problem.empty() ? "; add it to the catalogue that prices.file of the operator's "
                               "configuration names"
                             : "; " + problem),
        false);
  }
  for (const auto& [key, odd] : odd_) add(key, reason::kNotANumber, odd.message, true);
  for (const auto& trouble : meter_.Troubles())
    add(trouble.key, trouble.reason, trouble.message, true);
  for (std::size_t i = 0; i < table_.agents(); ++i) {
    const auto agent = table_.AgentAt(i);
    if (agent.last_sample != Timestamp{})
      report->seen[place(agent)].last_sample = agent.last_sample;
  }
  return report;
}

}  // namespace purser::usage
