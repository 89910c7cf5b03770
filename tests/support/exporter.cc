#include "support/exporter.h"

#include <stdexcept>

namespace purser::support {

Exporter::Exporter() {
  auto server = net::HttpServer::Start("127.0.0.1:0", [this](const net::ServerRequest&) {
    {
      const std::lock_guard lock(mutex_);
      ++scrapes_;
    }
    scraped_.notify_all();
    return net::ServerResponse{200, "text/plain; version=0.0.4", Page()};
  });
  if (!server) throw std::runtime_error(server.error().message());
  server_ = std::move(*server);
}

void Exporter::Add(const std::string& ns, const std::string& agent, const std::string& dollars) {
  const auto amount = Money::ParseSample(dollars);
  if (!amount) throw std::runtime_error(amount.error().message());
  const std::lock_guard lock(mutex_);
  spent_[{ns, agent}] += *amount;
}

void Exporter::Say(const std::string& ns, const std::string& agent, const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (text.empty()) {
    said_.erase({ns, agent});
  } else {
    said_[{ns, agent}] = text;
  }
}

Money Exporter::Total() const {
  const std::lock_guard lock(mutex_);
  Money total;
  for (const auto& [who, spent] : spent_) total += spent;
  return total;
}

bool Exporter::AwaitScrape() const {
  std::unique_lock lock(mutex_);
  const int enough = scrapes_ + 2;
  return scraped_.wait_for(lock, std::chrono::seconds(30), [&] { return scrapes_ >= enough; });
}

std::string Exporter::Page() const {
  const std::lock_guard lock(mutex_);
  std::string page = "# TYPE agent_cost_usd_total counter\n";
  for (const auto& [who, spent] : spent_) {
    const auto said = said_.find(who);
    page += "agent_cost_usd_total{namespace=\"" + who.first + "\",agent=\"" + who.second + "\"} " +
            (said != said_.end() ? said->second : spent.ToDecimal()) + "\n";
  }
  return page;
}

PrometheusOptions Scraping(const Exporter& exporter, std::chrono::milliseconds every) {
  PrometheusOptions options;
  options.targets = {exporter.address()};
  options.scrape_interval = every;
  return options;
}

}  // namespace purser::support
