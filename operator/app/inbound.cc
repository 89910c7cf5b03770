#include "app/inbound.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <utility>

#include "admissions/routes.h"
#include "controllers/caches.h"
#include "http/otlp_api.h"
#include "http/report_api.h"
#include "http/router.h"
#include "http/stop_api.h"

namespace purser::app {

Result<std::unique_ptr<Inbound>> Inbound::Start(const api::OperatorConfig& config,
                                                kube::Client& client, Clock& clock,
                                                std::function<std::string()> leader) {
  const auto& server = config.server;
  std::unique_ptr<Inbound> inbound(new Inbound);
  inbound->authenticator_ =
      std::make_unique<http::Authenticator>(client, clock, server.tokens_file);
  inbound->api_ = std::make_unique<http::InboundApi>(*inbound->authenticator_, std::move(leader));
  net::ApiServerOptions options;
  options.address = server.address;
  if (server.tls) {
    options.cert_file = server.tls->cert_file;
    options.key_file = server.tls->key_file;
  }
  options.on_problem = [](const std::string& problem) {
    spdlog::error("{}; the certificate read before stays in force", problem);
  };
  auto* api = inbound->api_.get();
  auto started = net::ApiServer::Start(
      std::move(options),
      [api](const auto& head, auto answer) { api->Admit(head, std::move(answer)); },
      [api](auto request, auto exchange) { api->Handle(std::move(request), exchange); });
  if (!started) return started.error();
  inbound->server_ = std::move(*started);
  spdlog::info("listening address={} port={} (API, TLS)", server.address, inbound->port());
  return inbound;
}

Inbound::~Inbound() = default;

// Facts are booked where call records are.
Status InboundServing::StartAdmissions() {
  admissions_source_ = "admissions";
  std::string booked_in = admissions_source_;
  Duration delay = std::chrono::seconds(15);
  for (const auto& one : term_.config.sources) {
    if (one.usage) {
      admissions_source_ = one.name;
      booked_in = one.has_both() ? ledger::RecordsOf(one.name) : one.name;
    }
    if (one.reads_prometheus()) delay = std::max(delay, 3 * one.prometheus.scrape_interval);
  }
  auto* claims = term_.usage.ClaimsOf(admissions_source_);
  if (claims == nullptr) {
    auto own = usage::records::Claims::Load(admissions_source_, term_.calls, term_.clock.Now());
    if (!own) return own.error();
    claims_ = std::move(*own);
    claims = claims_.get();
  }
  auto started = admissions::AdmissionService::Start({.caches = term_.caches,
                                                      .board = term_.board,
                                                      .ledger = term_.ledger,
                                                      .store = term_.store,
                                                      .calls = term_.calls,
                                                      .claims = *claims,
                                                      .runaways = term_.runaways,
                                                      .prices = term_.prices,
                                                      .clock = term_.clock,
                                                      .source = booked_in,
                                                      .counted_in = admissions_source_,
                                                      .meter_delay = delay});
  if (!started) return started.error();
  admissions_ = std::move(*started);
  return Ok();
}

InboundServing::InboundServing(http::InboundApi& api, InboundTerm term)
    : api_(api), term_(std::move(term)) {
  auto router = std::make_shared<http::Router>();
  const auto intakes = term_.usage.intakes();
  if (const auto started = StartAdmissions(); started.ok()) {
    admissions::AddRoutes(*router, *admissions_);
  } else {
    spdlog::error("no admissions are given: {}", started.error().message());
  }
  for (const auto& [name, intake] : intakes)
    intake->OnBooked([this, source = name](auto records) { Booked(source, records); });
  http::AddUsage(*router, intakes);
  http::AddOtlp(*router, intakes);
  std::set<std::string> both;
  for (const auto& source : term_.config.sources) {
    if (source.has_both()) both.insert(source.name);
  }
  http::AddReports(*router, {term_.reports, term_.calls, term_.clock, reports_, both,
                             [this](const std::string& ns, const std::string& agent) {
                               return PoolOf(ns, agent);
                             }});
  term_.limits.AddTo(*router);
  http::AddStop(*router, term_.client, writes_);
  api_.Serve(std::move(router));
}

void InboundServing::Booked(const std::string& source,
                            std::span<const usage::records::BookedRecord> records) {
  if (admissions_ != nullptr && source == admissions_source_) admissions_->Recorded(records);
  std::vector<controllers::CallOfNamespace> seen;
  const auto now = term_.clock.Now();
  std::string last_ns;
  bool watches = false;
  for (const auto& [record, amounts] : records) {
    // Most of a request are of one namespace.
    if (record.ns != last_ns) watches = term_.runaways.Watches(last_ns = record.ns);
    if (!watches) continue;
    seen.push_back({record.ns,
                    {.id = record.id,
                     .at = std::min(record.time, now),
                     .agent = record.agent,
                     .task = record.task,
                     .model = record.model,
                     .input_tokens = record.tokens.input,
                     .failed = record.outcome != ledger::Outcome::kSuccess,
                     .heard = now}});
  }
  if (!seen.empty()) term_.runaways.Saw(seen);
}

InboundServing::~InboundServing() {
  api_.StopServing();
  for (const auto& [name, intake] : term_.usage.intakes()) intake->OnBooked({});
}

std::string InboundServing::PoolOf(const std::string& ns, const std::string& agent) const {
  const auto pools = term_.caches.pools.ByIndex(controllers::kPoolsByAgent,
                                                controllers::AgentIndexValue(ns, agent));
  return pools.empty() ? "" : pools.front()->meta.name;
}

Result<std::unique_ptr<UsageSources>> UsageSources::Start(
    const api::OperatorConfig& config, ledger::Ledger& ledger, ledger::Store& store,
    ledger::CallLog& log, const usage::pricing::PriceBook& prices, Clock& clock) {
  auto sources = std::make_unique<UsageSources>();
  for (const auto& source : config.sources) {
    if (!source.usage) continue;
    const auto context = "sources[" + source.name + "].usage";
    const auto booked_in = source.has_both() ? ledger::RecordsOf(source.name) : source.name;
    auto position = store.Position(booked_in);
    if (!position) return position.error().WithContext(context);
    const Timestamp now = clock.Now();
    if (!*position) {
      if (const auto set = store.SetEpoch(booked_in, now); !set.ok())
        return set.error().WithContext(context);
    }
    auto claims = usage::records::Claims::Load(booked_in, log, now);
    if (!claims) return claims.error().WithContext(context);
    spdlog::info("source={} takes call records, {} ids of the last day are known", source.name,
                 (*claims)->size());
    sources->intakes_.emplace(source.name, std::make_unique<usage::records::Intake>(
                                               booked_in, ledger, log, **claims, prices, clock,
                                               usage::records::IntakeLimits{}));
    sources->claims_.emplace(source.name, std::move(*claims));
    if (source.has_both()) continue;  // its reader tells of it
    // Nobody reads it: it is as healthy as this server. What nobody sends is not seen.
    ledger::SourceHealth health;
    health.state = ledger::SourceHealth::State::kHealthy;
    health.last_read = now;
    health.epoch = *position ? (*position)->epoch : now;
    ledger.SetHealth(source.name, health);
  }
  return sources;
}

http::Intakes UsageSources::intakes() const {
  http::Intakes intakes;
  for (const auto& [name, intake] : intakes_) intakes.emplace(name, intake.get());
  return intakes;
}

usage::records::Claims* UsageSources::ClaimsOf(const std::string& source) const {
  const auto found = claims_.find(source);
  return found == claims_.end() ? nullptr : found->second.get();
}

}  // namespace purser::app
