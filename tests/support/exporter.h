// A Prometheus exporter with the counter agent_cost_usd_total, exact to the nano-dollar.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "money/money.h"
#include "net/server/http_server.h"
#include "support/prometheus.h"

namespace purser::support {

// Thread-safe. Throws std::runtime_error when it cannot listen.
class Exporter {
 public:
  Exporter();
  std::string address() const { return "127.0.0.1:" + std::to_string(server_->port()); }

  // Adds a decimal amount to the agent's counter (from 0 at first).
  void Add(const std::string& ns, const std::string& agent, const std::string& dollars);
  // From now on the agent's counter reads `text` ("NaN"); empty: its amount again.
  void Say(const std::string& ns, const std::string& agent, const std::string& text);
  Money Total() const;  // of all agents
  // Until a scrape of what it says now is over: the next one has begun. False: not within 30 s.
  bool AwaitScrape() const;

 private:
  std::string Page() const;

  mutable std::mutex mutex_;
  mutable std::condition_variable scraped_;
  int scrapes_ = 0;
  std::map<std::pair<std::string, std::string>, Money> spent_;
  std::map<std::pair<std::string, std::string>, std::string> said_;
  std::unique_ptr<net::HttpServer> server_;
};

// A Prometheus that scrapes nothing but this exporter.
PrometheusOptions Scraping(const Exporter& exporter,
                           std::chrono::milliseconds every = std::chrono::milliseconds(500));

}  // namespace purser::support
