// The inbound API of this replica: its server as long as the process runs, its handlers while it
// leads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "admissions/admission_service.h"
#include "api/config.h"
#include "base/clock.h"
#include "base/result.h"
#include "controllers/agent_budget/evaluation.h"
#include "controllers/agent_pool/runaway_board.h"
#include "controllers/caches.h"
#include "http/authenticator.h"
#include "http/inbound_api.h"
#include "http/limits_api.h"
#include "http/usage_api.h"
#include "http/worker.h"
#include "kube/client.h"
#include "ledger/call_log.h"
#include "ledger/ledger.h"
#include "ledger/report.h"
#include "ledger/store.h"
#include "net/server/api_server.h"
#include "usage/pricing/price_book.h"
#include "usage/records/claims.h"
#include "usage/records/intake.h"

namespace purser::app {

class Inbound {
 public:
  // Listens at once, and says 503 until a term begins. Nothing where the configuration has no
  // server.address. Errors: the server's. `client` and `clock` must outlive it.
  static Result<std::unique_ptr<Inbound>> Start(const api::OperatorConfig& config,
                                                kube::Client& client, Clock& clock,
                                                std::function<std::string()> leader);
  ~Inbound();

  std::uint16_t port() const { return server_->port(); }
  http::InboundApi& api() { return *api_; }

 private:
  Inbound() = default;

  std::unique_ptr<http::Authenticator> authenticator_;
  std::unique_ptr<http::InboundApi> api_;
  std::unique_ptr<net::ApiServer> server_;  // last: it uses the others
};

// The intakes of the sources with usage: true, and what budgets hear of them. Errors: the store's.
class UsageSources {
 public:
  static Result<std::unique_ptr<UsageSources>> Start(const api::OperatorConfig& config,
                                                     ledger::Ledger& ledger, ledger::Store& store,
                                                     ledger::CallLog& log,
                                                     const usage::pricing::PriceBook& prices,
                                                     Clock& clock);
  http::Intakes intakes() const;
  // Null: the source takes no records.
  usage::records::Claims* ClaimsOf(const std::string& source) const;

 private:
  std::map<std::string, std::unique_ptr<usage::records::Claims>> claims_;
  std::map<std::string, std::unique_ptr<usage::records::Intake>> intakes_;
};

// What a term of leading gives to the handlers. References outlive the term.
struct InboundTerm {
  const api::OperatorConfig& config;
  controllers::Caches& caches;
  kube::Client& client;  // whose calls end with the term
  controllers::EvaluationBoard& board;
  ledger::Ledger& ledger;
  ledger::Store& store;
  const usage::pricing::PriceBook& prices;
  ledger::CallLog& calls;
  ledger::ReportReader& reports;
  Clock& clock;
  http::LiveLimits& limits;
  UsageSources& usage;
  controllers::RunawayBoard& runaways;
};

// Serves the API for as long as it lives.
class InboundServing {
 public:
  InboundServing(http::InboundApi& api, InboundTerm term);
  ~InboundServing();
  InboundServing(const InboundServing&) = delete;
  InboundServing& operator=(const InboundServing&) = delete;

 private:
  std::string PoolOf(const std::string& ns, const std::string& agent) const;

  Status StartAdmissions();
  void Booked(const std::string& source, std::span<const usage::records::BookedRecord> records);

  http::InboundApi& api_;
  std::string admissions_source_;
  std::unique_ptr<usage::records::Claims> claims_;  // of admissions that no records come to
  std::unique_ptr<admissions::AdmissionService> admissions_;
  const InboundTerm term_;
  http::Worker reports_;
  http::Worker writes_;
};

}  // namespace purser::app
