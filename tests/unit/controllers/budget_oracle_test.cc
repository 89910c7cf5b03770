// A year of spend, budgets of every kind, agents that move between pools, restarts and folding,
// against a list that is added up by brute force.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/time_text.h"
#include "controllers/agent_budget/rows.h"
#include "ledger/ledger.h"
#include "ledger/sqlite/sqlite_store.h"
#include "support/clocks.h"
#include "unit/controllers/builders.h"
#include "unit/ledger/temporary_file.h"

namespace purser::controllers {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const Timestamp kBegin = *ParseRfc3339("2026-02-20T03:07:00Z");
const std::vector<std::string> kAgents = {"one", "two", "three", "stray"};
const std::vector<std::string> kPools = {"a", "b", "c", ""};
const std::vector<std::string> kModels = {"opus", "haiku", ""};
const std::vector<std::string> kZones = {
    "UTC",         "America/New_York", "America/Santiago", "Asia/Kathmandu", "Australia/Lord_Howe",
    "Pacific/Apia"};

class World {
 public:
  explicit World(unsigned seed) : random_(seed), clock_(kBegin) {
    Restart();
    in_ = {{"one", "a"}, {"two", "a"}, {"three", "b"}, {"stray", ""}};
    for (const auto& [agent, pool] : in_) moves_[agent] = {{0, pool}};
    TellPools();
  }

  // An agent comes into a pool, or leaves all of them.
  void Move() {
    const auto& agent = Of(kAgents);
    const auto& pool = Of(kPools);
    if (in_[agent] == pool) return;
    in_[agent] = pool;
    moves_[agent].push_back({ledger::MinuteNotBefore(clock_.Now()), pool});
    TellPools();
  }

  void Restart() {
    ledger_.reset();
    auto store = ledger::OpenSqliteStore(folder_.File());
    ASSERT_TRUE(store.ok());
    ASSERT_TRUE((*store)->TakeOver().ok());
    if (!begun_) {
      ASSERT_TRUE((*store)->SetEpoch("default", kBegin - hours(24)).ok());
    }
    begun_ = true;
    store_ = store->get();
    ledger_ = ledger::MakeLedger(std::move(*store), clock_);
    if (!pools_.empty()) TellPools();
  }

  void Spend() {
    ledger::Batch batch;
    batch.source = "default";
    const int count = Draw(0, 6);
    for (int i = 0; i < count; ++i) {
      ledger::Increment one;
      one.key = {"default", "agents", Of(kAgents), Of(kModels), Draw(0, 1) != 0 ? "t" : "", ""};
      one.at = clock_.Now() - Duration(Draw(0, 600'000));
      one.amounts.cost = Money::FromNanos(Draw(1, 2'000'000'000));
      one.amounts.calls = Draw(0, 9);
      one.amounts.input_tokens = Draw(0, 90'000);
      one.amounts.cached_tokens = one.amounts.input_tokens / 3;
      one.amounts.output_tokens = Draw(0, 9'000);
      spent_.push_back(one);
      batch.increments.push_back(std::move(one));
    }
    ASSERT_TRUE(ledger_->Commit(std::move(batch)).ok());
  }

  void Pass() {
    const int kind = Draw(0, 9);
    clock_.Advance(kind < 5   ? Duration(Draw(1, 300'000))
                   : kind < 8 ? Duration(minutes(Draw(5, 300)))
                              : Duration(hours(Draw(5, 120))));
    if (Draw(0, 3) == 0) {
      ASSERT_TRUE(store_->Fold(clock_.Now()).ok());
    }
    if (Draw(0, 9) == 0) Restart();
  }

  void CheckSome() {
    api::AgentBudget budget;
    budget.meta.ns = "agents";
    budget.meta.name = "budget-" + std::to_string(Draw(0, 11));
    budget.created = kBegin;
    auto& spec = budget.spec;
    spec.limit = Quantity::Of(Draw(1, 2'000'000'000));
    spec.thresholds = api::DefaultThresholds();
    spec.unit = static_cast<Unit>(Draw(0, 2));
    spec.tokens = {static_cast<api::TokenKind>(Draw(0, 2)),
                   static_cast<api::CachedTokens>(Draw(0, 1))};
    spec.window.type = static_cast<api::WindowType>(Draw(0, 2));
    spec.window.period = static_cast<api::Period>(Draw(0, 3));
    spec.window.week_start = static_cast<api::Weekday>(Draw(1, 7));
    spec.window.time_zone = Of(kZones);
    const Duration lengths[] = {
        minutes(5),    minutes(77),   hours(24), hours(48), hours(48) + minutes(1),
        hours(24 * 9), hours(24 * 90)};
    spec.window.length = lengths[Draw(0, 6)];
    spec.scope.pools =
        Draw(0, 1) != 0 ? std::vector<std::string>{"*"} : std::vector<std::string>{"a", "b"};
    spec.scope.per = static_cast<api::Per>(Draw(0, 2));
    if (Draw(0, 2) == 0) spec.scope.models = {"opus"};
    if (Draw(0, 3) == 0) spec.scope.tasks = {"t"};
    Check(budget);
  }

 private:
  void TellPools() {
    pools_.clear();
    std::vector<ledger::PoolMembers> members;
    for (const std::string name : {"a", "b", "c"}) {
      PoolBuilder pool(name);
      for (const auto& [agent, in] : in_) {
        if (in == name) pool.Agent(agent);
      }
      pools_.push_back(pool.Share());
      members.push_back(MembersOf(*pools_.back()));
    }
    ASSERT_TRUE(ledger_->SetMembers(members, ledger::Told::kAll).ok());
  }

  // Where the agent was at that minute; where it came next, if it was in none.
  std::string PoolAt(const std::string& agent, std::int64_t minute) const {
    std::string pool;
    for (const auto& [since, to] : moves_.at(agent)) {
      if (since > minute && !pool.empty()) break;
      pool = to;
    }
    return pool;
  }

  int Draw(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  const std::string& Of(const std::vector<std::string>& names) {
    return names[static_cast<std::size_t>(Draw(0, static_cast<int>(names.size()) - 1))];
  }

  // Of each kind of token the plain sum, without the policy's own measure.
  static std::int64_t Counted(const api::AgentBudgetSpec& spec, const Amounts& amounts) {
    if (spec.unit == Unit::kUsd) return amounts.cost.nanos();
    if (spec.unit == Unit::kRequests) return amounts.calls;
    std::int64_t sum = 0;
    if (spec.tokens.kind != api::TokenKind::kInput) sum += amounts.output_tokens;
    if (spec.tokens.kind != api::TokenKind::kOutput) {
      sum += amounts.input_tokens;
      if (spec.tokens.cached == api::CachedTokens::kIgnore) sum -= amounts.cached_tokens;
    }
    return sum;
  }

  std::int64_t Oracle(const api::AgentBudgetSpec& spec, const std::string& subject,
                      Timestamp start) const {
    std::int64_t sum = 0;
    for (const auto& one : spent_) {
      const auto pool = PoolAt(one.key.agent, ledger::MinuteOf(one.at));
      const bool within = spec.scope.pools.front() == "*" || pool == "a" || pool == "b";
      const bool counts = spec.scope.per == api::Per::kTotal  ? within
                          : spec.scope.per == api::Per::kPool ? pool == subject
                                                              : within && one.key.agent == subject;
      if (!counts || one.at < start) continue;
      if (!spec.scope.models.empty() && one.key.model != "opus") continue;
      if (!spec.scope.tasks.empty() && one.key.task != "t") continue;
      sum += Counted(spec, one.amounts);
    }
    return sum;
  }

  Timestamp StartOf(const api::AgentBudgetSpec& spec, const policy::Window& window) const {
    if (spec.window.type == api::WindowType::kCalendar) return window.start;
    if (spec.window.type == api::WindowType::kLifetime) return kBegin;
    const std::int64_t step = spec.window.length <= hours(48) ? 60'000 : 900'000;
    const std::int64_t begun = (clock_.Now() - spec.window.length).time_since_epoch().count();
    return Timestamp(Duration(begun - begun % step));
  }

  void Check(const api::AgentBudget& budget) {
    const auto& spec = budget.spec;
    const auto now = clock_.Now();
    const auto window = policy::WindowAt(now, spec.window, *budget.created);
    ASSERT_TRUE(window.ok());
    std::vector<ledger::Membership> members;
    std::vector<PoolPointer> pools;
    for (const auto& pool : pools_) {
      if (spec.scope.pools.front() != "*" && pool->meta.name == "c") continue;
      pools.push_back(pool);
      const auto own = ledger_->Members("agents", pool->meta.name);
      members.insert(members.end(), own.begin(), own.end());
    }
    const auto resolved = ResolveScope(spec.scope, pools, members);
    const policy::SourceState source{policy::SourceState::Kind::kHealthy, {}, {}, {}};
    for (const auto& subject : SubjectsOf(spec.scope, resolved, {})) {
      const auto id = RowId(budget.meta.key(), subject->name);
      ASSERT_TRUE(ledger_->Track(id, CoverageOf(budget, *subject, *window)).ok());
      const auto total = ledger_->Read(id, now);
      ASSERT_TRUE(total.has_value());
      const auto row =
          MakeRow({budget, subject, spec.limit, *total, {}, *window, source, {}, now, {}, nullptr});
      EXPECT_EQ(row->decision.spent.count(), Oracle(spec, subject->name, StartOf(spec, *window)))
          << budget.meta.name << " " << subject->name << " window "
          << static_cast<int>(spec.window.type) << " since " << FormatUtcMillis(window->start)
          << " at " << FormatUtcMillis(now) << " " << spec.window.time_zone;
    }
  }

  std::mt19937 random_;
  support::FakeClock clock_;
  ledger::TemporaryFolder folder_;
  bool begun_ = false;
  ledger::Store* store_ = nullptr;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::vector<PoolPointer> pools_;
  std::map<std::string, std::string> in_;  // by agent: its pool, or none
  std::map<std::string, std::vector<std::pair<std::int64_t, std::string>>> moves_;
  std::vector<ledger::Increment> spent_;
};

TEST(BudgetOracleTest, EveryTotalIsThatOfTheList) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    for (int step = 0; step < 150 && !testing::Test::HasFailure(); ++step) {
      world.Spend();
      if (step % 3 == 0) world.Move();
      world.CheckSome();
      world.Pass();
      world.CheckSome();
    }
  }
}

}  // namespace
}  // namespace purser::controllers
