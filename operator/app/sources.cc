#include "app/sources.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

#include "base/pause.h"
#include "net/cpprest/cpprest_transport.h"
#include "policy/poll_interval.h"
#include "usage/prometheus/poller.h"

namespace purser::app {
namespace {

constexpr std::chrono::seconds kLookAtPricesEvery{30};

net::TlsOptions TlsOf(const api::PrometheusAuth& auth) {
  net::TlsOptions tls;
  tls.ca_file = auth.ca_file;
  tls.certificate_file = auth.cert_file;
  tls.key_file = auth.key_file;
  return tls;
}

}  // namespace

struct Sources::Source {
  std::string name;
  Duration interval{};  // as configured
  std::unique_ptr<net::HttpTransport> transport;
  std::unique_ptr<usage::PrometheusPoller> poller;
};

Sources::Sources(const api::PricesConfig& prices, ledger::Ledger& ledger, Clock& clock)
    : ledger_(ledger), clock_(clock), prices_(prices), since_(clock.Now()) {}
Sources::~Sources() = default;

Result<std::unique_ptr<Sources>> Sources::Make(const std::vector<api::SourceConfig>& configs,
                                               const api::PricesConfig& prices,
                                               ledger::Ledger& ledger, ledger::Store& store,
                                               Clock& clock) {
  std::unique_ptr<Sources> sources(new Sources(prices, ledger, clock));
  // Spend is read all the same, with the prices there are; WatchPrices reads it when it comes.
  if (const auto read = sources->prices_.Refresh(); !read.ok())
    spdlog::error("{}", read.error().message());
  for (const auto& config : configs) {
    if (!config.reads_prometheus()) continue;
    net::CpprestOptions options;
    options.tls = TlsOf(config.prometheus.auth);
    auto transport = net::MakeCpprestTransport(options);
    if (!transport) return transport.error().WithContext("sources[" + config.name + "]");
    const auto& prometheus = config.prometheus;
    Source source{config.name, prometheus.interval.value_or(prometheus.scrape_interval),
                  std::move(*transport), nullptr};
    source.poller = std::make_unique<usage::PrometheusPoller>(config, *source.transport, ledger,
                                                              store, clock, &sources->prices_);
    sources->sources_.push_back(std::move(source));
  }
  return sources;
}

usage::pricing::PriceBook& Sources::prices() { return prices_; }

std::size_t Sources::size() const { return sources_.size(); }

Status Sources::Run(std::size_t source, std::stop_token stop) {
  return sources_.at(source).poller->Run(std::move(stop));
}

void Sources::WatchPrices(std::stop_token stop) {
  std::string told = prices_.file_problem();
  while (Pause(kLookAtPricesEvery, stop)) {
    const auto read = prices_.Refresh();
    const std::string problem = read.ok() ? "" : read.error().message();
    if (problem != told && !problem.empty()) spdlog::error("{}", problem);
    if (problem.empty() && !told.empty())
      spdlog::info("prices.file is read again: prices {}", prices_.Current()->version());
    told = problem;
  }
}

void Sources::PollSooner(const std::string& source, Duration threshold_in) {
  for (const auto& known : sources_) {
    if (known.name == source)
      known.poller->RequestInterval(policy::PollInterval(known.interval, threshold_in));
  }
}

std::vector<observability::SourceSample> Sources::Samples() const {
  std::vector<observability::SourceSample> samples;
  for (const auto& source : sources_) {
    const auto figures = source.poller->Figures();
    const auto health = ledger_.Health(source.name);
    observability::SourceSample sample;
    sample.name = source.name;
    sample.healthy = health.state == ledger::SourceHealth::State::kHealthy;
    sample.age_seconds =
        std::chrono::duration<double>(clock_.Now() - health.last_read.value_or(since_)).count();
    sample.series = static_cast<double>(figures.series);
    sample.unattributed_series = static_cast<double>(figures.unattributed_series);
    sample.shortened_series = static_cast<double>(figures.shortened_series);
    sample.quarantined_series = static_cast<double>(figures.quarantined_series);
    sample.prices_stale = !prices_.file_problem().empty();
    sample.polls = figures.polls;
    sample.errors = figures.errors;
    sample.last_duration_seconds = std::chrono::duration<double>(figures.last_duration).count();
    samples.push_back(std::move(sample));
  }
  return samples;
}

}  // namespace purser::app
