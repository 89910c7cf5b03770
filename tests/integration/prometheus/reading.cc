#include "reading.h"

#include <stdlib.h>

#include <stdexcept>

#include "ledger/sqlite/sqlite_store.h"
#include "net/cpprest/cpprest_transport.h"

namespace purser {

using namespace std::chrono_literals;

Spending::Spending() {
  auto server = net::HttpServer::Start("127.0.0.1:0", [this](const net::ServerRequest&) {
    const std::lock_guard lock(mutex_);
    std::string page = "# TYPE agent_cost_usd_total counter\n";
    for (const auto& [who, value] : counters_) {
      page += "agent_cost_usd_total{namespace=\"agents\",agent=\"" + who.first + "\",pod=\"" +
              who.second + "\"} " + value.ToDecimal() + "\n";
    }
    return net::ServerResponse{200, "text/plain; version=0.0.4", page};
  });
  if (!server) throw std::runtime_error(server.error().message());
  server_ = std::move(*server);
}

void Spending::Add(const std::string& agent, const std::string& pod, const std::string& dollars) {
  const Money amount = *Money::ParseSample(dollars);
  const std::lock_guard lock(mutex_);
  counters_[{agent, pod}] += amount;
  total_ += amount;
}

void Spending::Restart(const std::string& agent, const std::string& pod) {
  const std::lock_guard lock(mutex_);
  counters_[{agent, pod}] = Money();
}

void Spending::Remove(const std::string& agent, const std::string& pod) {
  const std::lock_guard lock(mutex_);
  counters_.erase({agent, pod});
}

Money Spending::Total() const {
  const std::lock_guard lock(mutex_);
  return total_;
}

Reading::Reading(const api::SourceConfig& source, const std::filesystem::path& folder) {
  net::InitializeThreads();
  auto transport = net::MakeCpprestTransport({});
  if (!transport) throw std::runtime_error(transport.error().message());
  transport_ = std::move(*transport);
  auto store = ledger::OpenSqliteStore(folder / "ledger.db");
  if (!store) throw std::runtime_error(store.error().message());
  if (auto taken = (*store)->TakeOver(); !taken) throw std::runtime_error(taken.error().message());
  store_ = store->get();
  ledger_ = ledger::MakeLedger(std::move(*store), clock_);
  poller_ =
      std::make_unique<usage::PrometheusPoller>(source, *transport_, *ledger_, *store_, clock_);
  thread_ = std::jthread([this](std::stop_token stop) { (void)poller_->Run(stop).ok(); });
}

Reading::~Reading() {
  thread_.request_stop();
  thread_.join();
}

Money Reading::Total(Timestamp start, Timestamp end) {
  const auto sum = ledger_->Sum({"default", "agents", true, {}, start, end});
  return sum.ok() ? sum->cost : Money();
}

Money Reading::Total() { return Total(Timestamp(), Timestamp(Duration(1) * 4'000'000'000'000)); }

bool Reading::Eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(50ms);
  }
  return true;
}

bool Reading::EventuallyHealth(ledger::SourceHealth::State state, const std::string& reason) {
  return Eventually([&] {
    const auto health = ledger_->Health("default");
    return health.state == state && health.reason == reason;
  });
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = std::filesystem::temp_directory_path() / "purser-reading-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

api::SourceConfig SourceAt(const std::string& url) {
  api::SourceConfig source;
  source.name = "default";
  source.prometheus.url = url;
  source.prometheus.metric = "agent_cost_usd_total";
  source.prometheus.scrape_interval = 500ms;
  source.prometheus.interval = 1s;
  source.prometheus.timeout = 1s;
  source.prometheus.backfill = 10min;
  // What a new pod shows is spend here, however much: what is held in doubt is tested elsewhere.
  source.prometheus.plausible_per_second = Money::FromNanos(10'000'000 * Money::kNanosPerDollar);
  return source;
}

}  // namespace purser
