#include "app/operator.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "app/inbound.h"
#include "app/leadership.h"
#include "app/limit_webhooks.h"
#include "app/memory.h"
#include "app/page_gate.h"
#include "app/pages.h"
#include "app/sources.h"
#include "app/version.h"
#include "app/watched_store.h"
#include "base/guarded.h"
#include "base/pause.h"
#include "base/progress.h"
#include "controllers/agent_budget/evaluation.h"
#include "controllers/caches.h"
#include "controllers/changes.h"
#include "controllers/control.h"
#include "controllers/metering/meter_watch.h"
#include "kube/client.h"
#include "kube/controller.h"
#include "kube/events.h"
#include "kube/work_queue.h"
#include "ledger/ledger.h"
#include "ledger/sqlite/sqlite_store.h"
#include "net/cpprest/cpprest_transport.h"
#include "net/server/http_server.h"
#include "observability/logging.h"
#include "observability/metrics.h"

namespace purser::app {
namespace {

constexpr std::size_t kPoolWorkers = 4;
constexpr std::size_t kBudgetWorkers = 1;  // no I/O
constexpr std::size_t kReportWorkers = 2;
constexpr std::size_t kCorrectionWorkers = 1;
constexpr std::chrono::seconds kLookAtMetersEvery{5};
constexpr unsigned kEvaluators = 4;             // at the start, when all budgets are new
constexpr std::chrono::seconds kPollAgain{10};  // after an exception
// After this long the start is over: caches filled, first reconciles and polls done.
constexpr std::chrono::seconds kSettled{3};

// A Pod's UID stays the same when its container restarts, so that it leads again at once, and is
// another one for a Pod of the same name on another node, though the first may still run there.
// Elsewhere several processes may share a host.
std::string MakeIdentity() {
  char host[256] = "purser";
  gethostname(host, sizeof host - 1);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets any
  if (const char* uid = std::getenv("POD_UID"); uid != nullptr && *uid != '\0')
    return std::string(host) + "_" + uid;
  std::random_device random;
  char suffix[16];
  std::snprintf(suffix, sizeof suffix, "_%08x", random());
  return std::string(host) + suffix;
}

ledger::Counts CountsOf(api::CountsConfig counts) {
  switch (counts) {
    case api::CountsConfig::kPrometheus:
      return ledger::Counts::kMeter;
    case api::CountsConfig::kRecords:
      return ledger::Counts::kRecords;
    case api::CountsConfig::kHigher:
      break;
  }
  return ledger::Counts::kHigher;
}

}  // namespace

class Operator::Implementation {
 public:
  Implementation(OperatorOptions options, std::unique_ptr<net::HttpTransport> transport)
      : options_(std::move(options)),
        clock_(options_.clock != nullptr ? *options_.clock : system_clock_),
        identity_(options_.identity.empty() ? MakeIdentity() : options_.identity),
        metrics_({Version(), Commit()}),
        transport_(std::move(transport)),
        client_(*transport_, options_.access,
                [this](const kube::Client::Call& call) {
                  metrics_.ApiRequest(std::string(call.verb), call.code);
                }),
        caches_(client_, options_.config.watch_namespaces,
                [this](const char* what) { metrics_.Panicked(what); }),
        queues_(clock_),
        changes_(caches_, queues_),
        told_{caches_,
              board_,
              still_spending_,
              {{observability::kBudgetController, &queues_.budgets},
               {observability::kPoolController, &queues_.pools},
               {observability::kBudgetStatusController, &queues_.budget_reports},
               {observability::kPoolStatusController, &queues_.pool_reports},
               {observability::kCorrectionController, &queues_.corrections},
               {observability::kOverrideController, &queues_.overrides}},
              [this] { return leading_.load(); },
              [this] { return SourceSamples(); },
              [this] { return UnclaimedSamples(); },
              options_.config.leader_election.enabled,
              [this] { return leadership_.Refusal(); },
              [this] { return leadership_.Stuck(); }},
        leadership_(client_, system_clock_, progress_, LeadershipFrom()) {}

  Status Run(std::stop_token stop) {
    PageGate gate(client_, system_clock_);
    net::HttpServer::Gate ask;
    if (options_.config.server.authenticate_metrics)
      ask = [&gate](const auto& request, auto answer) { gate.Ask(request, std::move(answer)); };
    auto server = net::HttpServer::Start(
        options_.config.server.metrics_address,
        [this](const net::ServerRequest& request) { return app::Serve(told_, metrics_, request); },
        std::move(ask));
    if (!server) return server.error();
    if (options_.on_listening) options_.on_listening((*server)->port());
    spdlog::info("listening address={} port={}", options_.config.server.metrics_address,
                 (*server)->port());
    std::unique_ptr<Inbound> inbound;
    if (!options_.config.server.address.empty()) {
      auto started =
          Inbound::Start(options_.config, client_, system_clock_, [this] { return Leader(); });
      if (!started) return started.error();
      inbound = std::move(*started);
      if (options_.on_serving) options_.on_serving(inbound->port());
    }
    inbound_ = inbound.get();

    metrics_.SetSnapshots(SnapshotsOf(told_));
    caches_.Start();

    const auto ended = leadership_.Run(
        stop, [this] { return LedgerId(); }, [this](std::stop_token term) { return Lead(term); });
    inbound_ = nullptr;
    inbound.reset();
    caches_.Stop();
    metrics_.SetSnapshots({});
    return ended;
  }

 private:
  // Who holds the Lease, as far as is known: asked seldom, and never waited for.
  std::string Leader() const { return leadership_.Leader(); }

  Result<std::unique_ptr<ledger::Store>> OpenStore() {
    const Progress::Step step(progress_, "opening the ledger");
    auto store = ledger::OpenSqliteStore(options_.config.store.path);
    if (!store) return store.error().WithContext("store.path " + options_.config.store.path);
    calls_ = &ledger::CallLogOf(**store);
    reports_ = &ledger::ReportsOf(**store);
    return WatchStore(std::move(*store), progress_);
  }

  Result<std::string> LedgerId() {
    auto store = OpenStore();
    if (!store) return store.error();
    auto id = (*store)->LedgerId();
    if (!id) return id.error().WithContext("store.path " + options_.config.store.path);
    return id;
  }

  LeadershipOptions LeadershipFrom() const {
    LeadershipOptions leadership;
    leadership.elects = options_.config.leader_election.enabled;
    leadership.lease = {options_.config.leader_election.ns,
                        options_.config.leader_election.lease_name};
    leadership.identity = identity_;
    leadership.ledger = "store.path " + options_.config.store.path;
    leadership.ephemeral = options_.ephemeral_ledger;
    if (options_.stuck_after) leadership.stuck_after = *options_.stuck_after;
    return leadership;
  }

  Status Lead(std::stop_token stop) {
    auto store = OpenStore();
    if (!store) return store.error();
    auto epoch = (*store)->TakeOver();
    if (!epoch) return epoch.error().WithContext("store.path " + options_.config.store.path);
    spdlog::info("leading identity={} epoch={}", identity_, *epoch);
    auto ledger_id = (*store)->LedgerId();
    if (!ledger_id)
      return ledger_id.error().WithContext("store.path " + options_.config.store.path);
    auto& positions = **store;
    const auto ledger =
        ledger::MakeLedger(std::move(*store), clock_, ledger::ChangesOn::kOwnThread);

    for (const auto& source : options_.config.sources) {
      if (source.has_both()) ledger->Pair(source.name, CountsOf(source.counts));
    }

    // Stops everything below when any part cannot go on.
    std::stop_source all;
    const std::stop_callback on_stop(stop, [&all] { all.request_stop(); });
    // Who leads no more writes no more: also what is on its way ends.
    kube::Client client = client_.Until(all.get_token());

    auto sources =
        Sources::Make(options_.config.sources, options_.config.prices, *ledger, positions, clock_);
    if (!sources) return sources.error();

    auto usage = UsageSources::Start(options_.config, *ledger, positions, *calls_,
                                     (*sources)->prices(), clock_);
    if (!usage) return usage.error();
    http::LiveLimits limits(clock_);
    auto webhooks = LimitWebhooks::Make(options_.config.limit_webhooks, clock_);
    if (!webhooks) return webhooks.error();

    kube::EventOptions event_options;
    event_options.instance = identity_;
    event_options.on_dropped = [this] { metrics_.EventDropped(); };
    kube::ApiEventRecorder events(client_, system_clock_, event_options);
    std::map<std::string, Duration> silences;
    std::map<std::string, Duration> seen_after;
    for (const auto& source : options_.config.sources) {
      const auto& prometheus = source.prometheus;
      silences[source.name] = controllers::SilenceOf(prometheus.scrape_interval);
      seen_after[source.name] =
          prometheus.scrape_interval + prometheus.interval.value_or(prometheus.scrape_interval);
    }
    controllers::Control control(
        {caches_, queues_, changes_, board_, still_spending_, client, events, *ledger, *ledger_id,
         clock_, silences,
         [&sources](const std::string& source, Duration in) { (*sources)->PollSooner(source, in); },
         [this](policy::Level level) { metrics_.Decided(std::string(policy::ToString(level))); },
         seen_after, [&limits](const controllers::Limits& pool) { limits.Put(pool); },
         [&limits](const kube::ObjectKey& pool) { limits.Remove(pool); }, &(*webhooks)->outbox()});

    Status ended = Ok();
    std::mutex ended_mutex;
    {
      {
        const std::lock_guard lock(sources_mutex_);
        sources_ = sources->get();
        meters_ = &control.meters();
      }
      std::vector<std::jthread> threads;
      threads.reserve((*sources)->size() + 1);
      for (std::size_t i = 0; i < (*sources)->size(); ++i) {
        threads.emplace_back([&, i] {
          auto run = Poll(**sources, i, all.get_token());
          if (!run.ok() && !all.stop_requested()) {
            const std::lock_guard lock(ended_mutex);
            ended = std::move(run);
            all.request_stop();
          }
        });
      }
      std::vector<std::unique_ptr<kube::Controller>> controllers;
      std::optional<InboundServing> serving;
      threads.emplace_back([&sources, &all] { (*sources)->WatchPrices(all.get_token()); });
      const auto token = all.get_token();
      caches_.WaitForSync(token);
      if (!token.stop_requested()) {
        leading_ = true;
        spdlog::info("caches synced budgets={} pools={} deployments={} statefulsets={}",
                     caches_.budgets.Size(), caches_.pools.Size(),
                     caches_.kinds.deployments()->informer.Size(),
                     caches_.kinds.stateful_sets()->informer.Size());
        control.Begin();
        (*webhooks)->Start(token, threads);
        const auto work = [&](kube::WorkQueue<kube::ObjectKey>& queue, const char* name,
                              std::size_t workers, auto method) -> kube::Controller& {
          auto options = ControllerFor(name, workers, [&control, method](const auto& key) {
            return (control.*method)(key);
          });
          return *controllers.emplace_back(
              std::make_unique<kube::Controller>(queue, std::move(options)));
        };
        using controllers::Control;
        auto& budget_controller = work(queues_.budgets, observability::kBudgetController,
                                       kBudgetWorkers, &Control::ReconcileBudget);
        work(queues_.pools, observability::kPoolController, kPoolWorkers, &Control::ReconcilePool);
        work(queues_.budget_reports, observability::kBudgetStatusController, kReportWorkers,
             &Control::ReportBudget);
        work(queues_.pool_reports, observability::kPoolStatusController, kReportWorkers,
             &Control::ReportPool);
        work(queues_.overrides, observability::kOverrideController, kCorrectionWorkers,
             &Control::ReconcileOverride);
        work(queues_.corrections, observability::kCorrectionController, kCorrectionWorkers,
             &Control::ReconcileCorrection);
        threads.emplace_back([this, &control, token] { Watch(control, token); });
        EvaluateAll(budget_controller, token);
        for (const auto& controller : controllers) controller->Start(token);
        if (inbound_ != nullptr) {
          serving.emplace(inbound_->api(),
                          InboundTerm{options_.config, caches_, client, board_, *ledger, positions,
                                      (*sources)->prices(), *calls_, *reports_, clock_, limits,
                                      **usage, control.runaways()});
        }
      }
      threads.emplace_back([token] {
        if (Pause(kSettled, token)) ReleaseStartUpMemory();
      });
      WaitForStop(token);
      serving.reset();
      threads.clear();      // joins: returns when all are asked to stop
      controllers.clear();  // likewise
      leading_ = false;
      const std::lock_guard lock(sources_mutex_);
      sources_ = nullptr;
      meters_ = nullptr;
    }
    return ended;
  }

  static void WaitForStop(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait(lock, stop, [] { return false; });
  }

  // Every budget before any pool: a pool that acts on half of its budgets would only be asked
  // again. On all cores, for the agents wait.
  static void EvaluateAll(kube::Controller& budgets, const std::stop_token& stop) {
    const auto evaluate = [&] { budgets.WorkOffReady(stop); };
    std::vector<std::jthread> beside;
    for (unsigned i = 1; i < std::min(std::thread::hardware_concurrency(), kEvaluators); ++i)
      beside.emplace_back(evaluate);
    evaluate();
  }

  // An exception ends a poll, not the polling.
  Status Poll(Sources& sources, std::size_t source, const std::stop_token& stop) {
    while (true) {
      bool threw = false;
      auto run = Guarded([&] { return sources.Run(source, stop); }, threw);
      if (!threw) return run;
      metrics_.Panicked("poll");
      spdlog::error("source={} {}; polling again", source, run.error().message());
      if (!Pause(kPollAgain, stop)) return Ok();
    }
  }

  // An exception ends a look, not the watching.
  void Watch(controllers::Control& control, const std::stop_token& stop) {
    while (Pause(kLookAtMetersEvery, stop)) {
      bool threw = false;
      const Status looked = Guarded(
          [&]() -> Status {
            control.LookAtMeters();
            return Ok();
          },
          threw);
      if (!threw) continue;
      metrics_.Panicked("meters");
      spdlog::error("meters: {}; looking again", looked.error().message());
    }
  }

  kube::ControllerOptions ControllerFor(const char* name, std::size_t workers,
                                        std::function<Status(const kube::ObjectKey&)> reconcile) {
    kube::ControllerOptions options;
    options.name = name;
    options.workers = workers;
    options.reconcile =
        [reconcile = std::move(reconcile)](const kube::ObjectKey& key) -> Result<kube::Requeue> {
      PURSER_RETURN_IF_ERROR(reconcile(key));
      return kube::Requeue{};
    };
    options.scope = [] { return std::make_shared<observability::ReconcileScope>(); };
    options.on_outcome = [this](const kube::Outcome& outcome) { Tell(outcome); };
    options.progress = &progress_;
    return options;
  }

  void Tell(const kube::Outcome& outcome) {
    const Error* error = outcome.error;
    // A conflict is the ordinary way of learning that the cache was behind; cancelled is what the
    // end of leading leaves.
    const bool ordinary = error == nullptr || error->code() == ErrorCode::kConflict ||
                          error->code() == ErrorCode::kCancelled;
    metrics_.Reconciled(outcome.controller, std::chrono::duration<double>(outcome.took).count(),
                        !ordinary);
    if (outcome.threw) metrics_.Panicked(outcome.controller);
    if (error == nullptr) return;
    const auto level = outcome.threw ? spdlog::level::err
                       : ordinary    ? spdlog::level::debug
                                     : spdlog::level::warn;
    spdlog::log(level, "controller={} key={} {} ({}); retrying", outcome.controller,
                outcome.key.ToString(), error->message(), ToString(error->code()));
  }

  std::vector<observability::SourceSample> SourceSamples() {
    const std::lock_guard lock(sources_mutex_);
    return sources_ == nullptr ? std::vector<observability::SourceSample>{} : sources_->Samples();
  }

  std::vector<observability::UnclaimedSample> UnclaimedSamples() {
    std::vector<observability::UnclaimedSample> samples;
    const std::lock_guard lock(sources_mutex_);
    if (meters_ == nullptr) return samples;
    for (auto& spend : meters_->UnclaimedSpends()) {
      samples.push_back({std::move(spend.source), std::move(spend.ns), std::move(spend.agent),
                         Dollars(spend.spent)});
    }
    return samples;
  }

  OperatorOptions options_;
  SystemClock system_clock_;
  Clock& clock_;
  std::string identity_;
  observability::Metrics metrics_;
  std::unique_ptr<net::HttpTransport> transport_;
  kube::Client client_;
  controllers::Caches caches_;
  controllers::Queues queues_;
  controllers::Changes changes_;
  controllers::EvaluationBoard board_;
  controllers::StillSpendingBoard still_spending_;
  Progress progress_;
  std::atomic<bool> leading_ = false;
  std::mutex sources_mutex_;
  Sources* sources_ = nullptr;                       // while leading
  const controllers::MeterWatch* meters_ = nullptr;  // likewise
  Told told_;
  Leadership leadership_;
  ledger::CallLog* calls_ = nullptr;  // of the store that was opened last
  ledger::ReportReader* reports_ = nullptr;
  Inbound* inbound_ = nullptr;  // while Run serves it
};

Operator::Operator(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
Operator::~Operator() = default;

Result<std::unique_ptr<Operator>> Operator::Create(OperatorOptions options) {
  auto transport = net::MakeCpprestTransport({options.access.tls, options.access.proxy_url, true});
  if (!transport) return transport.error();
  return std::unique_ptr<Operator>(
      new Operator(std::make_unique<Implementation>(std::move(options), std::move(*transport))));
}

Status Operator::Run(std::stop_token stop) { return implementation_->Run(std::move(stop)); }

}  // namespace purser::app
