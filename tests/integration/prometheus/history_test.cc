// History in Prometheus' blocks, read at the first start.
#include <gtest/gtest.h>

#include <iomanip>
#include <sstream>

#include "reading.h"
#include "support/prometheus.h"

namespace purser {
namespace {

using namespace std::chrono_literals;
using State = ledger::SourceHealth::State;

struct Point {
  Timestamp at;
  Money value;
};

std::string OpenMetrics(const std::map<std::string, std::vector<Point>>& agents) {
  std::string text = "# TYPE agent_cost_usd counter\n";
  for (const auto& [agent, points] : agents) {
    for (const auto& point : points) {
      const auto milliseconds = point.at.time_since_epoch().count();
      std::ostringstream line;
      line << "agent_cost_usd_total{namespace=\"agents\",instance=\"i\",agent=\"" << agent << "\"} "
           << point.value.ToDecimal() << ' ' << milliseconds / 1000 << '.' << std::setw(3)
           << std::setfill('0') << milliseconds % 1000 << '\n';
      text += line.str();
    }
  }
  return text + "# EOF\n";
}

TEST(PrometheusHistory, FirstStartReadsTheBackfillExactly) {
  const Timestamp now = SystemClock().Now();
  const Timestamp epoch = now - 6h;
  std::map<std::string, std::vector<Point>> agents;
  std::map<std::int64_t, Money> truth;
  // "old": twelve hours, with a restart; "new": begins after the epoch; "dead": ended before it.
  Money old = Money::FromNanos(500'000'000'000);
  Money fresh;
  std::uint32_t random = 1;
  const auto next = [&random] { return random = random * 1'664'525u + 1'013'904'223u; };
  for (Timestamp at = now - 12h; at < now - 10min; at += 15s + Duration(next() % 500)) {
    const Money spent = Money::FromNanos(static_cast<std::int64_t>(next() % 2'000'000'000u));
    const bool restart = next() % 500 == 0 && spent < old;
    old = restart ? spent : old + spent;
    agents["old"].push_back({at, old});
    // The first sample after the epoch also carries what came between it and the last one before.
    if (at > epoch) truth[ledger::MinuteOf(at)] += spent;
    if (at > now - 3h) {
      fresh += spent;
      agents["new"].push_back({at, fresh});
      truth[ledger::MinuteOf(at)] += spent;
    }
    if (at < now - 9h) agents["dead"].push_back({at, Money::FromNanos(7'000'000'000)});
  }
  support::PrometheusOptions options;
  options.history = OpenMetrics(agents);
  support::Prometheus prometheus(options);

  const TemporaryFolder folder;
  auto source = SourceAt(prometheus.url());
  source.prometheus.scrape_interval = 15s;
  source.prometheus.backfill = now - epoch;
  // The history ends ten minutes ago: then the source is silent, but read to its end.
  const auto caught_up = [](Reading& reading) {
    return reading.Eventually(
        [&] { return reading.ledger().Health("default").last_read.has_value(); });
  };
  {
    Reading reading(source, folder.path());
    ASSERT_TRUE(caught_up(reading)) << prometheus.LogTail();
    EXPECT_FALSE(reading.ledger().Health("default").gap.has_value());
  }
  // A restart reads nothing twice.
  Reading reading(source, folder.path());
  ASSERT_TRUE(caught_up(reading));
  Money total;
  for (const auto& [minute, spent] : truth) {
    total += spent;
    const Timestamp start{std::chrono::minutes(minute)};
    // The epoch is the poller's own now less the backfill: a moment later than ours.
    if (start <= epoch + 1min) continue;
    ASSERT_EQ(reading.Total(start, start + 1min), spent) << minute;
  }
  EXPECT_GT(total, Money::FromNanos(1'000'000'000'000));
  EXPECT_LE(reading.Total(), total);
}

}  // namespace
}  // namespace purser
