// A year of spend, budgets of every kind, agents that move between pools, overrides, restarts and
// folding, against a list that is added up by brute force.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <sstream>

#include "base/time_text.h"
#include "controllers/agent_budget/rows.h"
#include "controllers/agent_budget_override/grant.h"
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

  // Somebody is granted more: on top or instead, for one agent or all, until a time or the reset.
  void Grant() {
    if (Draw(0, 4) != 0) return;
    auto one = std::make_shared<api::AgentBudgetOverride>();
    one->meta.ns = "agents";
    one->meta.name = "grant-" + std::to_string(granted_.size());
    one->spec.budget = "budget-" + std::to_string(Draw(0, 11));
    (Draw(0, 2) != 0 ? one->spec.add : one->spec.set) = std::to_string(Draw(1, 9));
    if (Draw(0, 1) != 0) one->spec.agent = Of(kAgents);
    one->spec.reason = "why";
    one->spec.at = clock_.Now() + minutes(Draw(1, 60 * 24 * 30));
    const bool approved = Draw(0, 4) != 0;
    if (approved) {
      one->status.approved_by = "bob";
      one->status.conditions = {{"Approved", "True", "", "", FormatUtc(clock_.Now()), 0}};
    }
    granted_.push_back(std::move(one));
  }

  // Whether a year has passed.
  bool Over() const { return clock_.Now() - kBegin > hours(24 * 365); }

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

  // Who moved when, and what is made of it.
  std::string Told(const Subject& subject) const {
    std::string text;
    for (const auto& [agent, moves] : moves_) {
      text += "\n  " + agent + ":";
      for (const auto& [since, to] : moves) text += " " + std::to_string(since) + " " + to + ",";
    }
    for (const auto& agent : subject.agents) text += "\n  always " + agent;
    for (const auto& span : subject.spans)
      text += "\n  " + span.agent + " " + std::to_string(span.since) + " to " +
              std::to_string(span.until);
    return text + "\n";
  }

  std::vector<std::shared_ptr<const api::AgentBudgetOverride>> GrantedOf(
      const api::AgentBudget& budget) const {
    std::vector<std::shared_ptr<const api::AgentBudgetOverride>> found;
    for (const auto& one : granted_) {
      if (one->spec.budget == budget.meta.name) found.push_back(one);
    }
    return found;
  }

  std::int64_t LimitByHand(const api::AgentBudget& budget, const std::string& subject) const {
    const std::int64_t unit = budget.spec.unit == Unit::kUsd ? 1'000'000'000 : 1;
    std::int64_t limit = budget.spec.limit.count();
    std::int64_t largest = -1;
    std::int64_t added = 0;
    for (const auto& one : granted_) {
      const bool for_it = one->spec.agent.empty() ||
                          (budget.spec.scope.per == api::Per::kAgent && one->spec.agent == subject);
      if (one->spec.budget != budget.meta.name || one->status.approved_by.empty() || !for_it ||
          clock_.Now() >= *one->spec.at)
        continue;
      if (one->spec.add.empty()) {
        largest = std::max<std::int64_t>(largest, std::stoll(one->spec.set) * unit);
      } else {
        added += std::stoll(one->spec.add) * unit;
      }
    }
    return (largest < 0 ? limit : largest) + added;
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
    if (spec.window.type == api::WindowType::kLifetime)
      return kBegin - minutes(7);  // its quarter of an hour
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
      const auto grants = GrantsOf(GrantedOf(budget), budget, now);
      const auto limit = LimitWith(spec.limit, grants, subject->name);
      EXPECT_EQ(limit.count(), LimitByHand(budget, subject->name)) << FormatUtcMillis(now);
      const auto row =
          MakeRow({budget, subject, limit, *total, {}, *window, source, {}, now, {}, nullptr});
      EXPECT_EQ(row->decision.spent.count(), Oracle(spec, subject->name, StartOf(spec, *window)))
          << budget.meta.name << " per " << static_cast<int>(spec.scope.per) << " "
          << spec.scope.pools.front() << Told(*subject) << " subject \"" << subject->name
          << "\" window " << static_cast<int>(spec.window.type) << " since "
          << FormatUtcMillis(window->start) << " at " << FormatUtcMillis(now) << " "
          << spec.window.time_zone;
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
  std::vector<std::shared_ptr<const api::AgentBudgetOverride>> granted_;
};

struct Seeds {
  unsigned first = 1;
  unsigned last = 3;
  bool year = false;  // a whole one each, rather than its first months
};

// PURSER_SEEDS="FROM TO" asks for others, and for whole years.
Seeds SeedsAsked() {
  Seeds seeds;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets any
  if (const char* asked = std::getenv("PURSER_SEEDS"); asked != nullptr) {
    std::istringstream(asked) >> seeds.first >> seeds.last;
    seeds.year = true;
  }
  return seeds;
}

TEST(BudgetOracleTest, EveryTotalIsThatOfTheList) {
  const auto [first, last, year] = SeedsAsked();
  for (unsigned seed = first; seed <= last && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    for (int step = 0; (step < 150 || (year && !world.Over())) && !testing::Test::HasFailure();
         ++step) {
      world.Spend();
      if (step % 3 == 0) world.Move();
      world.Grant();
      world.CheckSome();
      world.Pass();
      world.CheckSome();
    }
  }
}

}  // namespace
}  // namespace purser::controllers
