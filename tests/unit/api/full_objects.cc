#include "unit/api/full_objects.h"

namespace purser::api {
namespace {

kube::ObjectMeta FullMeta() {
  kube::ObjectMeta meta;
  meta.ns = "agents";
  meta.name = "research";
  meta.uid = "8f3c";
  meta.resource_version = "1234";
  meta.generation = 3;
  meta.finalizers = {"purser.dev/restore"};
  meta.annotations = {{"purser.dev/note", "x"}};
  return meta;
}

std::vector<kube::Condition> FullConditions() {
  return {{"Ready", "True", "Evaluated", "all is \"well\"\n", "2026-11-23T05:00:00Z", 3},
          {"Throttled", "False", "BelowThresholds", "no", "2026-11-23T05:00:01Z", 2}};
}

}  // namespace

AgentBudget FullBudget() {
  AgentBudget budget;
  budget.meta = FullMeta();
  budget.spec.limit = Money::FromNanos(50'250'000'001);
  budget.spec.unit = Unit::kUsd;
  budget.spec.burn_rates = {{"a-day-of-the-week", 20, std::chrono::hours(24), Action::kStop,
                             std::chrono::minutes(30), Money::FromNanos(2'500'000'000)}};
  budget.spec.window = {Period::kMonth,
                        "America/New_York",
                        Weekday::kWednesday,
                        WindowType::kLifetime,
                        {},
                        Timestamp(std::chrono::seconds(1'795'774'500))};
  budget.spec.tokens = {TokenKind::kInput, CachedTokens::kIgnore};
  budget.spec.scope = {
      {"research", "support"}, {"researcher"}, Per::kAgent, {"gpt-5"}, {"review"}, {"nightly"}};
  budget.spec.limits = {{"researcher", Money::FromNanos(100'000'000'000)}};
  budget.spec.thresholds = {{10, Action::kNotify},
                            {20, Action::kThrottle},
                            {30, Action::kRefuseNewWork},
                            {1000, Action::kStop}};
  budget.spec.source = "gateway";
  budget.spec.on_source_loss = {SourceLossAction::kThrottle, 60};
  budget.spec.on_unpriced = OnUnpriced::kStop;
  budget.spec.on_doubt = OnDoubt::kCount;
  budget.spec.mode = Mode::kAudit;
  budget.spec.allow_requests = {60, Money::FromNanos(5'000'000'000)};
  auto& status = budget.status;
  status.observed_generation = 3;
  status.state = "Throttled";
  status.window_start = "2026-11-23T00:00:00-05:00";
  status.window_end = "2026-11-24T00:00:00-05:00";
  status.window_length = "24h";
  status.window_exact_to = "1m";
  status.limit = "50";
  status.spent = "41.24";
  status.remaining = "8.76";
  status.percent_used = 82;
  status.resets_at = "2026-11-24T05:00:00Z";
  status.exhausts_at = "2026-11-24T01:00:00Z";
  status.burn_per_hour = "3.5";
  status.projected = "61.1";
  status.in_doubt = "210.5";
  status.meters = MetersTold{"41.24", "40", "1.24"};
  status.ledger = "6f1c2a";
  status.spent_at_least = "40";
  status.agents = {{"researcher", "40", 80, "Throttled"}, {"summarizer", "1.24", 2, "Throttled"}};
  status.agent_count = 2;
  status.subjects = {{"researcher",
                      "Throttled",
                      "50",
                      "40",
                      80,
                      "3.5",
                      "60",
                      "2026-11-24T01:00:00Z",
                      "40",
                      {"80"}},
                     {"summarizer", "Normal", "50", "1.24", 2, "0", "1.24", "", "", {}}};
  status.overspend_bound = "1.75";
  status.holds = {"80", "burn a-day-of-the-week"};
  status.overrides = {{"on-call", "researcher", "Active", "20", "40", "alice", "bob",
                       "incident 4711", "2026-11-24T05:00:00Z"}};
  status.states = {{"Throttled", 1}, {"Normal", 1}};
  status.summary = "1 of 2 throttled";
  status.history = {{"2026-11-22T00:00:00-05:00", "2026-11-23T00:00:00-05:00", "12.5"}};
  status.conditions = FullConditions();
  return budget;
}

AgentPool FullPool() {
  AgentPool pool;
  pool.meta = FullMeta();
  const WorkloadRef robot{"example.com/v1", "Robot", "summarizer",
                          SwitchSpec{"/spec/mode", R"("Off")"}};
  pool.spec.agents = {
      {"researcher", {"apps/v1", "Deployment", "researcher"}, 8, {"gpt-5", "gpt-5-mini"}},
      {"summarizer", robot, 4}};
  pool.spec.agent_selector = AgentSelector{{{"purser.dev/pool", "research"}}, {"Job"}, 3};
  pool.spec.max_concurrency = 20;
  pool.spec.priority = 100;
  pool.spec.scaling = {OnThrottle::kKeep,  OnStop::kKeep,       2, 90,
                       RestoreBy::kManual, RunningJobs::kFinish};
  pool.spec.stop = {"prompt injection"};
  const FieldTarget field{"keda.sh/v1alpha1", "ScaledObject", "x", "/spec/maxReplicaCount"};
  pool.spec.limit_targets = {{{"research-limits", "other.json"}, {}, {}, 600},
                             {{}, field, {}, {}},
                             {{}, {}, WebhookTarget{"substrate"}, {}}};
  pool.spec.runaway = RunawaySpec{50, 40, 30, RunawayAction::kStop};
  auto& status = pool.status;
  status.observed_generation = 3;
  status.state = "Stopped";
  status.agent_count = 2;
  status.max_concurrency = 7;
  status.governed_by = "research-daily";
  status.reason = "spent $50.01 of $50";
  status.agents = {{"researcher", "Stopped", 0, 0, 5, "research-daily", "replicas 5 -> 0", 3,
                    "2026-11-23T05:00:00Z", 0, "2026-11-23T05:00:02Z", "0b8f", std::nullopt, ""},
                   {"summarizer", "Throttled", 7, 1, 2, "research-weekly", "replicas 2 -> 1", 1, "",
                    1, "2026-11-23T05:00:03Z", "0b90", robot, R"("On")"}};
  status.agents[1].workloads = {{robot, "0b90", 2, 1, "2026-11-23T05:00:03Z", R"("On")"}};
  status.limit_targets = {
      {{"research-limits", "other.json"}, "not a document of ours", {}, {}, "", "", ""},
      {{}, "", field, {}, "0b91", "10", "4"},
      {{}, "cannot be reached", {}, WebhookTarget{"substrate"}, "", "", ""}};
  status.runaway = {
      {"CallsPerTask", {"researcher"}, "task t made 51 calls", "2026-11-23T05:00:00Z"}};
  status.conditions = FullConditions();
  return pool;
}

SpendCorrection FullCorrection(CorrectionForm form) {
  SpendCorrection correction;
  correction.meta = FullMeta();
  auto& spec = correction.spec;
  if (form == CorrectionForm::kAmount) {
    spec.source = "gateway";
    spec.agent = "researcher";
    spec.model = "gpt-5";
    spec.amount = Money() - Money::FromNanos(12'500'000'001);
    spec.at = Timestamp(std::chrono::seconds(1'795'774'500));
  } else {
    spec.doubt = 42;
    spec.decision = DoubtDecision::kAccept;
  }
  spec.reason = "upstream reported micro-dollars";
  correction.status = {3, "Applied", "alice", 4711, "-12.500000001", FullConditions()};
  return correction;
}

}  // namespace purser::api
