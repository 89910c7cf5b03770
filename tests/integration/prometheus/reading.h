// An exporter whose page a test writes, and an operator's reading half: store, ledger, poller.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "api/config.h"
#include "base/clock.h"
#include "ledger/ledger.h"
#include "ledger/store.h"
#include "net/http_transport.h"
#include "net/server/http_server.h"
#include "usage/prometheus/poller.h"

namespace purser {

// Counters that may begin again; remembers what was really spent. Thread-safe.
class Spending {
 public:
  Spending();
  std::string address() const { return "127.0.0.1:" + std::to_string(server_->port()); }

  void Add(const std::string& agent, const std::string& pod, const std::string& dollars);
  void Restart(const std::string& agent, const std::string& pod);  // the counter is 0 again
  void Remove(const std::string& agent, const std::string& pod);
  Money Total() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Money> counters_;
  Money total_;
  std::unique_ptr<net::HttpServer> server_;
};

// One operator's reading half; destroy and make it again over the same folder for a restart.
class Reading {
 public:
  Reading(const api::SourceConfig& source, const std::filesystem::path& folder);
  ~Reading();

  ledger::Ledger& ledger() { return *ledger_; }
  usage::PrometheusPoller& poller() { return *poller_; }
  Money Total(Timestamp start, Timestamp end);
  Money Total();  // ever
  // Polls until the condition holds; false after 20 s.
  bool Eventually(const std::function<bool()>& condition);
  bool EventuallyHealth(ledger::SourceHealth::State state, const std::string& reason);

 private:
  SystemClock clock_;
  std::unique_ptr<net::HttpTransport> transport_;
  ledger::Store* store_ = nullptr;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<usage::PrometheusPoller> poller_;
  std::jthread thread_;
};

class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A source "default" on agent_cost_usd_total, scraped every half second, polled every second.
api::SourceConfig SourceAt(const std::string& url);

}  // namespace purser
