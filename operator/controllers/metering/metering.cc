#include "controllers/metering/metering.h"

#include <algorithm>

#include "api/spelling.h"
#include "base/join.h"
#include "base/time_text.h"

namespace purser::controllers {
namespace {

constexpr std::size_t kMostNames = 3;

std::string FirstOf(std::vector<std::string> names) {
  const auto more = names.size() > kMostNames ? names.size() - kMostNames : 0;
  names.resize(names.size() - more);
  return Join(names) + (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

// What the spend of an agent that never was seen may be called.
std::string Instead(const std::string& ns, const std::string& agent, const Unclaimed& unclaimed) {
  const Unclaimed::Elsewhere none;
  const auto& elsewhere = unclaimed.elsewhere ? *unclaimed.elsewhere : none;
  if (const auto found = elsewhere.find(agent); found != elsewhere.end()) {
    return "; " + agent + " is seen in namespace " + FirstOf(found->second) +
           ", where no pool has it: set sources[].prometheus.labels.namespace to the label that "
           "bears the agents' own namespace, or honorLabels: true where Prometheus has renamed it "
           "exported_namespace";
  }
  std::vector<std::string_view> known(unclaimed.here.begin(), unclaimed.here.end());
  const auto near = api::DidYouMean(agent, known);
  if (!near.empty()) {
    return "; " + near +
           " It spends in this namespace and is in no pool: correct the label where the metric is "
           "made, or spec.agents[].name";
  }
  if (!unclaimed.here.empty()) {
    return "; seen in namespace " + ns + " and in no pool: " + FirstOf(unclaimed.here) +
           "; if it is one of them, correct the label or spec.agents[].name";
  }
  return "; check that its pods are scraped, and the labels that sources[].prometheus.labels names";
}

// Somebody spends who is in no pool: nobody need wait long to ask who that is.
bool MayBeMisnamed(const std::string& agent, const Unclaimed& unclaimed) {
  return !unclaimed.here.empty() ||
         (unclaimed.elsewhere != nullptr && unclaimed.elsewhere->contains(agent));
}

void AddFindings(const std::string& agent, const std::vector<ledger::MeterFinding>& findings,
                 Metering& metering) {
  for (const auto& finding : findings)
    metering.issues.push_back({agent, finding.reason, finding.message, finding.lost, std::nullopt});
}

}  // namespace

Metering MeteringOf(const std::string& ns, const std::vector<WatchedAgent>& agents,
                    const ledger::SourceHealth& health, Duration silence,
                    const Unclaimed& unclaimed, Timestamp now) {
  Metering metering;
  metering.state = health.state;
  for (const auto& agent : agents) {
    if (agent.running_since && now - *agent.running_since >= silence)
      metering.samples_expected = true;
  }
  if (!health.meters) return metering;
  const auto& report = *health.meters;
  const bool readable = health.state == ledger::SourceHealth::State::kHealthy;
  for (const auto& agent : agents) {
    const auto key = std::make_pair(ns, agent.name);
    if (const auto found = report.findings.find(key); found != report.findings.end())
      AddFindings(agent.name, found->second, metering);
    if (!readable) continue;
    const auto seen = report.seen.find(key);
    if (seen != report.seen.end() && now - seen->second.last_sample <= silence) {
      metering.metered.insert(agent.name);
      continue;
    }
    if (!agent.running_since) continue;
    const auto running = now - *agent.running_since;
    if (seen != report.seen.end()) {
      if (running < silence) continue;
      const auto last = seen->second.last_sample;
      metering.issues.push_back(
          {agent.name, "NoSamples",
           agent.name + " has had no sample since " + FormatUtc(last) + " though " +
               agent.workload +
               " runs: what it spends is not known; check its target in Prometheus",
           true, last});
    } else if (running >= (MayBeMisnamed(agent.name, unclaimed) ? silence : kSeenWithin)) {
      metering.issues.push_back({agent.name, "NeverSeen",
                                 "no spend of " + agent.name + " was ever seen in namespace " + ns +
                                     ", though " + agent.workload + " runs since " +
                                     FormatUtc(*agent.running_since) +
                                     Instead(ns, agent.name, unclaimed),
                                 true, agent.running_since});
    }
  }
  if (const auto found = report.findings.find({ns, ""}); found != report.findings.end())
    AddFindings("", found->second, metering);
  return metering;
}

}  // namespace purser::controllers
