#include "unit/controllers/control/stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <thread>
#include <utility>

#include "app/restore.h"
#include "base/time_text.h"
#include "controllers/resources.h"
#include "kube/controller.h"
#include "ledger/sqlite/sqlite_store.h"

namespace purser::controllers {
namespace {

using Json = nlohmann::json;

constexpr const char* kStageWebhook = "gateway";

const std::set<std::string>& Watched() {
  static const std::set<std::string> plurals{"agentbudgets", "agentpools",   "configmaps",
                                             "deployments",  "statefulsets", "spendcorrections"};
  return plurals;
}

Timestamp Morning() {
  return std::chrono::sys_days(std::chrono::year(2026) / 11 / 27) + std::chrono::hours(9);
}

class Unheard final : public kube::EventRecorder {
 public:
  void Record(const kube::ObjectReference&, kube::EventType, std::string_view, std::string_view,
              std::string_view) override {}
};

// A ledger's file whose writes go by a lifeline.
class MortalStore final : public ledger::Store {
 public:
  MortalStore(std::unique_ptr<Store> store, support::Lifeline& life)
      : store_(std::move(store)), life_(life) {}

  Result<std::string> LedgerId() override { return store_->LedgerId(); }
  Result<std::int64_t> TakeOver() override {
    auto epoch = life_.Carry("ledger TakeOver", [&] { return store_->TakeOver(); });
    return epoch ? *epoch : Result<std::int64_t>(Over());
  }
  Status Commit(std::vector<ledger::Batch>& batches) override {
    auto status = life_.Carry("ledger Commit", [&] { return store_->Commit(batches); });
    return status ? *status : Status(Over());
  }
  Result<ledger::Corrected> Correct(const ledger::Correction& correction) override {
    auto corrected = life_.Carry("ledger Correct", [&] { return store_->Correct(correction); });
    return corrected ? *corrected : Result<ledger::Corrected>(Over());
  }
  Result<std::vector<std::vector<ledger::AgentSpend>>> Sums(
      const std::vector<ledger::Coverage>& coverages) override {
    return store_->Sums(coverages);
  }
  Result<std::vector<std::vector<ledger::MinuteSpend>>> Minutes(
      const std::vector<ledger::Coverage>& coverages) override {
    return store_->Minutes(coverages);
  }
  Result<std::vector<ledger::SeriesCursor>> CursorsSince(const std::string& source,
                                                         Timestamp since) override {
    return store_->CursorsSince(source, since);
  }
  Result<std::vector<ledger::SeriesCursor>> FindCursors(
      const std::string& source, const std::vector<ledger::SeriesId>& series) override {
    return store_->FindCursors(source, series);
  }
  Result<std::vector<ledger::KeyRate>> Rates(const std::string& source) override {
    return store_->Rates(source);
  }
  Result<std::vector<ledger::JournalEntry>> Journal(const ledger::JournalFilter& filter) override {
    return store_->Journal(filter);
  }
  Result<std::vector<ledger::Membership>> MembershipsKnown() override {
    return store_->MembershipsKnown();
  }
  Status WriteMemberships(const std::vector<ledger::Membership>& put,
                          const std::vector<ledger::Membership>& drop) override {
    auto status =
        life_.Carry("ledger WriteMemberships", [&] { return store_->WriteMemberships(put, drop); });
    return status ? *status : Status(Over());
  }
  Result<std::vector<ledger::RowHold>> HoldsKnown() override { return store_->HoldsKnown(); }
  Status WriteHolds(const std::vector<ledger::RowHold>& holds) override {
    auto status = life_.Carry("ledger WriteHolds", [&] { return store_->WriteHolds(holds); });
    return status ? *status : Status(Over());
  }
  Result<std::optional<ledger::SourcePosition>> Position(const std::string& source) override {
    return store_->Position(source);
  }
  Status SetEpoch(const std::string& source, Timestamp epoch) override {
    auto status = life_.Carry("ledger SetEpoch", [&] { return store_->SetEpoch(source, epoch); });
    return status ? *status : Status(Over());
  }
  Status Fold(Timestamp now) override { return store_->Fold(now); }
  Status ForgetCursors(const std::string& source, Timestamp before) override {
    return store_->ForgetCursors(source, before);
  }

 private:
  static Error Over() { return Error(ErrorCode::kUnavailable, "this life is over"); }

  const std::unique_ptr<Store> store_;
  support::Lifeline& life_;
};

// What a kill may move by a second, and what follows from it.
void ForgetSeconds(Json& object) {
  auto& meta = object["metadata"];
  if (const auto saved = meta.value("annotations", Json::object()).value("purser.dev/saved", "");
      !saved.empty()) {
    auto document = Json::parse(saved);
    document.erase("at");
    meta["annotations"]["purser.dev/saved"] = document;
  }
  const Json data = object.value("data", Json::object());
  for (const auto& [key, text] : data.items()) {
    auto document = Json::parse(text.get<std::string>());
    for (const char* time : {"issuedAt", "validUntil"}) document.erase(time);
    object["data"][key] = document;
  }
  if (!object.contains("status")) return;
  auto& status = object["status"];
  for (const char* field : {"ledger", "projected", "exhaustsAt"}) status.erase(field);
  for (const char* list : {"conditions", "agents"}) {
    if (!status.contains(list)) continue;
    for (auto& one : status[list]) {
      for (const char* field : {"lastTransitionTime", "savedAt", "since"}) one.erase(field);
    }
  }
}

ledger::SeriesId SeriesOf(const std::string& agent) { return {std::hash<std::string>{}(agent), 1}; }

}  // namespace

// One process: what it holds in memory ends with it.
class Stage::Life {
 public:
  using Post = std::function<Status(const std::string& document)>;

  Life(support::FakeApiServer& api, support::Lifeline& lifeline, const std::string& ledger_path,
       StageClock& clock, Post post)
      : clock_(clock),
        outbox_(
            {kStageWebhook},
            [this, post](const std::string&, const std::string& document, const std::stop_token&) {
              posted_ = true;
              return post(document);
            },
            clock),
        transport_(api.Connect(lifeline)),
        client_(*transport_, Access()),
        caches_(client_, {}),
        queues_(clock),
        changes_(caches_, queues_) {
    caches_.Start();
    caches_.WaitForSync({});
    auto opened = ledger::OpenSqliteStore(ledger_path);
    if (!opened) ADD_FAILURE() << opened.error().message();
    auto store = std::make_unique<MortalStore>(std::move(*opened), lifeline);
    static_cast<void>(store->TakeOver());
    const auto id = store->LedgerId();
    store_ = store.get();
    ledger_ = ledger::MakeLedger(std::move(store), clock);
    BeginReading();
    control_ =
        std::make_unique<Control>(Control::Dependencies{caches_,
                                                        queues_,
                                                        changes_,
                                                        board_,
                                                        still_spending_,
                                                        client_,
                                                        events_,
                                                        *ledger_,
                                                        id ? *id : "",
                                                        clock,
                                                        {{kStageSource, std::chrono::minutes(5)}},
                                                        [](const std::string&, Duration) {},
                                                        [](policy::Level) {},
                                                        {},
                                                        {},
                                                        {},
                                                        &outbox_});
    const auto add = [&](KeyQueue& queue, auto method) {
      kube::ControllerOptions options;
      options.name = "stage";
      options.reconcile = [this, method](const kube::ObjectKey& key) -> Result<kube::Requeue> {
        PURSER_RETURN_IF_ERROR((control_.get()->*method)(key));
        return kube::Requeue{};
      };
      controllers_.push_back(std::make_unique<kube::Controller>(queue, std::move(options)));
      all_queues_.push_back(&queue);
    };
    add(queues_.budgets, &Control::ReconcileBudget);
    add(queues_.pools, &Control::ReconcilePool);
    add(queues_.corrections, &Control::ReconcileCorrection);
    add(queues_.budget_reports, &Control::ReportBudget);
    add(queues_.pool_reports, &Control::ReportPool);
    control_->Begin();
  }
  ~Life() {
    caches_.Stop();
    controllers_.clear();
    control_.reset();
  }
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  // What is ready now; whether there was anything.
  bool Work() {
    posted_ = false;
    static_cast<void>(outbox_.Deliver(kStageWebhook, {}));
    bool any = posted_;
    for (std::size_t i = 0; i < controllers_.size(); ++i) {
      if (all_queues_[i]->Length() == 0 && !Due(*all_queues_[i])) continue;
      any = true;
      controllers_[i]->WorkOffReady({});
    }
    return any;
  }

  // Reads the source, as far as `spent` goes.
  void Read(const std::map<std::string, Money>& spent) {
    ledger::Batch batch;
    batch.source = kStageSource;
    auto report = std::make_shared<ledger::MeterReport>();
    for (const auto& [agent, total] : spent) {
      report->seen[{kStageNamespace, agent}] = {clock_.Now()};
      if (total <= read_[agent]) continue;
      batch.increments.push_back({{kStageSource, kStageNamespace, agent, "", "", ""},
                                  clock_.Now(),
                                  CostOf(total - read_[agent])});
      batch.cursors.push_back({SeriesOf(agent), clock_.Now(), std::to_string(total.nanos())});
    }
    if (!batch.increments.empty() && ledger_->Commit(batch).ok()) {
      for (const auto& [agent, total] : spent) read_[agent] = total;
    }
    ledger::SourceHealth health;
    health.state = ledger::SourceHealth::State::kHealthy;
    health.last_read = clock_.Now();
    health.epoch = epoch_;
    health.newest_sample = clock_.Now();
    health.meters = std::move(report);
    ledger_->SetHealth(kStageSource, health);
  }

  void LookAtMeters() { control_->LookAtMeters(); }
  void Saw(const CallOfNamespace& call) { control_->runaways().Saw({call}); }

 private:
  static kube::Access Access() {
    kube::Access access;
    access.server = "http://stage";
    return access;
  }

  // A delayed key whose time has come is not counted before somebody asks for it.
  static bool Due(KeyQueue& queue) {
    const auto key = queue.TryGet();
    if (!key) return false;
    queue.Add(*key);  // comes once more after Done
    queue.Done(*key);
    return true;
  }

  void BeginReading() {
    const auto position = store_->Position(kStageSource);
    if (position && *position) {
      epoch_ = (*position)->epoch;
    } else {
      epoch_ = clock_.Now();
      static_cast<void>(store_->SetEpoch(kStageSource, epoch_));
    }
    const auto cursors = store_->CursorsSince(kStageSource, Timestamp{});
    if (!cursors) return;
    for (const auto& cursor : *cursors) by_series_[cursor.series.high] = cursor.state;
  }

 public:
  // Where an earlier life stood.
  void Recall(const std::map<std::string, Money>& spent) {
    for (const auto& [agent, total] : spent) {
      const auto found = by_series_.find(SeriesOf(agent).high);
      if (found != by_series_.end()) read_[agent] = Money::FromNanos(std::stoll(found->second));
    }
  }

 private:
  StageClock& clock_;
  bool posted_ = false;
  WebhookOutbox outbox_;
  std::unique_ptr<net::HttpTransport> transport_;
  kube::Client client_;
  Caches caches_;
  Queues queues_;
  Changes changes_;
  EvaluationBoard board_;
  StillSpendingBoard still_spending_;
  Unheard events_;
  ledger::Store* store_ = nullptr;
  std::unique_ptr<ledger::Ledger> ledger_;
  Timestamp epoch_{};
  std::map<std::uint64_t, std::string> by_series_;
  std::map<std::string, Money> read_;
  std::unique_ptr<Control> control_;
  std::vector<std::unique_ptr<kube::Controller>> controllers_;
  std::vector<KeyQueue*> all_queues_;
};

Stage::Stage() : clock_(Morning()) {
  const std::filesystem::path shared_memory = "/dev/shm";  // no disk is waited for
  std::string pattern =
      ((std::filesystem::is_directory(shared_memory) ? shared_memory
                                                     : std::filesystem::temp_directory_path()) /
       "purser-stage-XXXXXX")
          .string();
  folder_ = mkdtemp(pattern.data());
  api_.SetIntercept([this](const net::HttpRequest& request) -> std::optional<net::HttpResponse> {
    const auto body = Json::parse(request.body, nullptr, false);
    if (body.is_object() && body.contains("spec") && body["spec"].contains("replicas")) {
      const auto path = request.url.substr(0, request.url.find('?'));
      scaled_.push_back(path.substr(path.rfind('/') + 1) + ": " + body["spec"]["replicas"].dump());
    }
    return std::nullopt;
  });
}

Stage::~Stage() {
  life_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void Stage::Deployment(const std::string& name, int replicas, const std::string& kind) {
  api_.Create(kind, {{"kind", kind == "deployments" ? "Deployment" : "StatefulSet"},
                     {"metadata", {{"namespace", kStageNamespace}, {"name", name}}},
                     {"spec", {{"replicas", replicas}}}});
  spent_.try_emplace(name);
}

void Stage::Call(const std::string& agent, const std::string& task, std::int64_t input_tokens,
                 bool failed) {
  if (life_ == nullptr) return;
  life_->Saw({kStageNamespace,
              {.id = "call-" + std::to_string(calls_++),
               .at = clock_.Now(),
               .agent = agent,
               .task = task,
               .model = "m",
               .input_tokens = input_tokens,
               .failed = failed}});
}

void Stage::Job(const std::string& name, const Json& labels) {
  api_.Create("jobs",
              {{"kind", "Job"},
               {"apiVersion", "batch/v1"},
               {"metadata", {{"namespace", kStageNamespace}, {"name", name}, {"labels", labels}}},
               {"spec", Json::object()}});
}

void Stage::AlsoWatched(const std::string& plural) { also_watched_.insert(plural); }

void Stage::Pool(const std::string& name, const std::vector<std::string>& agents,
                 const Json& more) {
  Json spec{{"maxConcurrency", 20}};
  for (const auto& agent : agents) {
    spec["agents"].push_back(
        {{"name", agent},
         {"workloadRef", {{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", agent}}}});
  }
  spec.update(more);
  api_.Create("agentpools", {{"kind", "AgentPool"},
                             {"apiVersion", "purser.dev/v1alpha1"},
                             {"metadata", {{"namespace", kStageNamespace}, {"name", name}}},
                             {"spec", spec}});
}

void Stage::Budget(const std::string& name, const Json& spec,
                   const std::vector<std::string>& pools) {
  Json whole{{"source", kStageSource}, {"scope", {{"pools", pools}}}};
  whole.update(spec);
  api_.Create("agentbudgets", {{"kind", "AgentBudget"},
                               {"apiVersion", "purser.dev/v1alpha1"},
                               {"metadata", {{"namespace", kStageNamespace}, {"name", name}}},
                               {"spec", whole}});
}

void Stage::Spend(const std::string& agent, Money amount) { spent_[agent] += amount; }

void Stage::Start(int die_at, support::Lifeline::Kill kill) {
  Kill();
  lifeline_ = std::make_unique<support::Lifeline>();
  died_ = false;
  if (die_at > 0) lifeline_->DieAt(die_at, kill);
  Begin();
}

void Stage::Begin() {
  asked_ = false;
  life_ = std::make_unique<Life>(api_, *lifeline_, folder_ + "/ledger.db", clock_,
                                 [this](const std::string& document) {
                                   const auto taken = gateway_ ? gateway_(document) : Ok();
                                   if (taken.ok()) posted_.push_back(Json::parse(document));
                                   return taken;
                                 });
  life_->Recall(spent_);
}

void Stage::Kill() {
  if (lifeline_) lifeline_->End();
  life_.reset();
}

std::vector<std::string> Stage::Uninstall(int die_at, support::Lifeline::Kill kill) {
  Kill();
  support::Lifeline life;
  if (die_at > 0) life.DieAt(die_at, kill);
  const auto transport = api_.Connect(life);
  kube::Access access;
  access.server = "http://stage";
  kube::Client client(*transport, access);
  Status done = Ok();
  std::atomic<bool> ended = false;
  std::jthread process([&](const std::stop_token& stop) {
    app::RestoreOptions options;
    options.timeout = std::chrono::seconds(20);
    done = app::RestoreThrough(client, options, stop);
    ended = true;
  });
  while (!ended && !life.over()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  process.request_stop();
  process.join();
  EXPECT_TRUE(die_at > 0 || done.ok()) << (done.ok() ? "" : done.error().message());
  return life.written();
}

bool Stage::alive() const { return life_ != nullptr && !lifeline_->over(); }

std::vector<std::string> Stage::written() const {
  return died_ || !lifeline_ ? written_ : lifeline_->written();
}

void Stage::Settle() {
  for (int round = 0; round < 200; ++round) {
    if (!life_) return;
    if (lifeline_->over()) {
      // The next life begins at once.
      if (!died_) written_ = lifeline_->written();
      died_ = true;
      life_.reset();
      if (stays_down_) return;
      lifeline_ = std::make_unique<support::Lifeline>();
      Begin();
      continue;
    }
    EXPECT_TRUE(api_.Idle(Watched(), also_watched_)) << "a watch is missing";
    if (life_->Work() || lifeline_->over()) continue;
    if (asked_ || also_watched_.empty()) return;
    // Its pools have named them by now.
    asked_ = true;
    EXPECT_TRUE(api_.Idle(also_watched_)) << "a watch that pools ask for is missing";
  }
  ADD_FAILURE() << "it does not come to rest";
}

void Stage::Pass(std::chrono::seconds time) {
  constexpr std::chrono::seconds kClosely(10);
  for (auto passed = std::chrono::seconds(0); passed < time;) {
    Settle();
    api_.RunWorkloads();
    const auto step = std::min(std::chrono::seconds(passed < kClosely ? 1 : 5), time - passed);
    clock_.Advance(step);
    passed += step;
    if (!life_) continue;
    life_->Read(spent_);
    if (passed.count() % 5 == 0) life_->LookAtMeters();
    Settle();
  }
}

int Stage::Replicas(const std::string& name, const std::string& kind) const {
  const auto workload = api_.Get(kind, kStageNamespace, name);
  return workload.is_null() ? -1 : workload["spec"]["replicas"].get<int>();
}

Json Stage::StatusOf(const std::string& plural, const std::string& name) const {
  const auto object = api_.Get(plural, kStageNamespace, name);
  return object.is_null() ? Json::object() : object.value("status", Json::object());
}

std::string Stage::ConditionOf(const std::string& plural, const std::string& name,
                               const std::string& type) const {
  for (const auto& condition : StatusOf(plural, name).value("conditions", Json::array())) {
    if (condition["type"] == type)
      return condition["status"].get<std::string>() + "/" + condition["reason"].get<std::string>();
  }
  return "";
}

Money Stage::Booked(const std::string& agent) const {
  auto store = ledger::OpenSqliteStore(folder_ + "/ledger.db");
  if (!store) return Money();
  ledger::Coverage coverage;
  coverage.source = kStageSource;
  coverage.ns = kStageNamespace;
  coverage.agents = {agent};
  coverage.start = Morning() - std::chrono::hours(1);
  coverage.end = clock_.Now() + std::chrono::hours(1);
  const auto sums = (*store)->Sums({coverage});
  return sums && !sums->at(0).empty() ? sums->at(0).at(0).spent.cost : Money();
}

Json Stage::State() const {
  Json state;
  for (const char* plural : {"agentbudgets", "agentpools", "configmaps", "deployments", "routes",
                             "spendcorrections", "statefulsets"}) {
    for (auto object : api_.All(plural)) {
      auto& meta = object["metadata"];
      meta.erase("resourceVersion");
      Json owners = Json::array();
      for (const auto& entry : meta.value("managedFields", Json::array())) {
        if (entry["fieldsV1"].contains("f:spec") &&
            entry["fieldsV1"]["f:spec"].contains("f:replicas"))
          owners.push_back(entry["manager"]);
      }
      meta["managedFields"] = owners;
      ForgetSeconds(object);
      state[plural][meta["name"].get<std::string>()] = object;
    }
  }
  for (const auto& [agent, total] : spent_) state["booked"][agent] = Booked(agent).ToDecimal();
  return state;
}

}  // namespace purser::controllers
