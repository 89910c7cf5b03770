// A year of a thousand budgets of every kind over all zones at once, fed by meters that begin anew,
// by a source that is away for days and by records; edited, overridden, folded and restarted; with
// agents that move and are renamed. Every total and every window that closes is that of a list that
// is added up by brute force.
#include <date/tz.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <array>
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
#include "unit/controllers/spend_by_hand.h"
#include "unit/controllers/year_of_meters.h"
#include "unit/ledger/temporary_file.h"
#include "usage/prometheus/reader.h"

namespace purser::controllers {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const Timestamp kBegin = *ParseRfc3339("2026-02-20T03:07:00Z");
constexpr Duration kYear = hours(24 * 366);
constexpr std::size_t kAgents = 8;

struct Live {
  api::AgentBudget budget;
  std::vector<SubjectPointer> subjects;
  std::optional<policy::Window> window;
};

class Year {
 public:
  Year(unsigned seed, std::size_t budgets)
      : random_(seed),
        clock_(kBegin),
        meters_(random_, kBegin - 2 * YearOfMeters::kBackfill, kBegin - YearOfMeters::kBackfill) {
    for (const auto& zone : date::get_tzdb().zones) zones_.push_back(zone.name());
    meters_.prometheus().intercept =
        [this](const net::HttpRequest&) -> std::optional<Result<net::HttpResponse>> {
      if (!meters_.Away(clock_.Now())) return std::nullopt;
      return Result<net::HttpResponse>(net::HttpResponse{503, {}, "away"});
    };
    for (std::size_t i = 0; i < kAgents; ++i) {
      by_hand_.Add({"agent-" + std::to_string(i), Draw(kNowhere, 2)});
      meters_.Run(i, NameOf(i));
    }
    Restart();
    by_hand_.Take(meters_.Pass(clock_.Now()), "default");
    Read();
    live_.resize(budgets);
    for (std::size_t i = 0; i < budgets; ++i) {
      auto& budget = live_[i].budget;
      budget.meta.ns = "agents";
      budget.meta.name = "budget-" + std::to_string(i);
      budget.created = kBegin;
      budget.spec.thresholds = api::DefaultThresholds();
      for (int part = 0; part < kParts; ++part) Draft(budget.spec, part);
      budget.spec.window.time_zone = zones_[i % zones_.size()];
    }
  }

  bool Over() const { return clock_.Now() - kBegin > kYear; }

  void Step() {
    Pass();
    by_hand_.Take(meters_.Pass(clock_.Now()), "default");
    Record();
    if (Draw(0, 9) == 0) Restart();
    Read();
    if (Draw(0, 3) == 0) {
      ASSERT_TRUE(store_->Fold(clock_.Now()).ok());
    }
    CheckAll();
    MoveSomebody();
    Grant();
    for (std::size_t i = 0; i < 1 + live_.size() / 50; ++i) Edit();
  }

  void CheckAll() {
    for (auto& live : live_) {
      Check(live);
      if (testing::Test::HasFailure()) return;
    }
  }

  int resets() const { return meters_.resets(); }
  int outages() const { return outages_; }
  int closed() const { return closed_; }
  int renames() const { return renames_; }

 private:
  static constexpr int kParts = 6;

  int Draw(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  const std::string& NameOf(std::size_t agent) const { return by_hand_.agents()[agent].name; }
  std::size_t Index(std::size_t size) {
    return static_cast<std::size_t>(Draw(0, static_cast<int>(size) - 1));
  }

  // What people write, and write otherwise later.
  void Draft(api::AgentBudgetSpec& spec, int part) {
    constexpr std::array<Duration, 7> kLengths = {
        minutes(5),    minutes(77),   hours(24), hours(48), hours(48) + minutes(1),
        hours(24 * 9), hours(24 * 90)};
    switch (part) {
      case 0:
        spec.limit = Quantity::Of(Draw(1, 2'000'000'000));
        break;
      case 1:
        spec.unit = static_cast<Unit>(Draw(0, 2));
        spec.source = spec.unit == Unit::kUsd && Draw(0, 3) != 0 ? "default" : "records";
        spec.tokens = {static_cast<api::TokenKind>(Draw(0, 2)),
                       static_cast<api::CachedTokens>(Draw(0, 1))};
        break;
      case 2:
        spec.window.type = static_cast<api::WindowType>(std::max(0, Draw(-2, 2)));
        spec.window.period = static_cast<api::Period>(Draw(0, 3));
        spec.window.week_start = static_cast<api::Weekday>(Draw(1, 7));
        spec.window.length = kLengths[Index(kLengths.size())];
        break;
      case 3:
        spec.window.time_zone = zones_[Index(zones_.size())];
        break;
      case 4:
        spec.scope.pools =
            Draw(0, 1) != 0 ? std::vector<std::string>{"*"} : std::vector<std::string>{"a", "b"};
        spec.scope.per = static_cast<api::Per>(Draw(0, 2));
        break;
      default:
        spec.scope.models.clear();
        spec.scope.tasks.clear();
        if (Draw(0, 2) == 0) spec.scope.models = {"opus"};
        if (Draw(0, 3) == 0) spec.scope.tasks = {"t"};
    }
  }

  void Edit() {
    auto& live = live_[Index(live_.size())];
    Draft(live.budget.spec, Draw(0, kParts - 1));
    ++live.budget.meta.generation;
    live.window.reset();
  }

  void Pass() {
    const int kind = Draw(0, 9);
    clock_.Advance(kind < 3   ? Duration(Draw(1, 600'000))
                   : kind < 7 ? Duration(minutes(Draw(10, 900)))
                              : Duration(hours(Draw(15, 90))));
    if (!meters_.Away(clock_.Now()) && Draw(0, 11) == 0) {
      meters_.Break(clock_.Now() + hours(Draw(1, 150)));
      ++outages_;
    }
  }

  void Restart() {
    reader_.reset();
    ledger_.reset();
    auto store = ledger::OpenSqliteStore(folder_.File());
    ASSERT_TRUE(store.ok());
    ASSERT_TRUE((*store)->TakeOver().ok());
    if (!(*store)->Position("records")->has_value()) {
      ASSERT_TRUE((*store)->SetEpoch("records", kBegin - hours(24)).ok());
    }
    store_ = store->get();
    ledger_ = ledger::MakeLedger(std::move(*store), clock_);
    reader_ = std::make_unique<usage::PrometheusReader>(source_, meters_.prometheus(), *ledger_,
                                                        *store_, clock_);
    for (auto& live : live_) live.subjects.clear();
    TellPools();
  }

  void Read() {
    for (int reads = 0; reads < 1000; ++reads) {
      const auto outcome = reader_->Read(YearOfMeters::kScrape, {});
      if (outcome.problem) {
        ASSERT_TRUE(meters_.Away(clock_.Now())) << outcome.problem->message;
        return;
      }
      if (!outcome.caught_up) continue;
      by_hand_.ReadUntil(clock_.Now());
      return;
    }
    FAIL() << "it never catches up";
  }

  // Some calls tell of themselves.
  void Record() {
    std::vector<TrueSpend> spent;
    ledger::Batch batch;
    batch.source = "records";
    for (int i = Draw(0, 6); i > 0; --i) {
      TrueSpend one;
      one.at = clock_.Now() - Duration(Draw(0, 600'000));
      one.agent = Index(kAgents);
      one.name = NameOf(one.agent);
      one.model = Draw(0, 1) != 0 ? "opus" : "";
      one.task = Draw(0, 1) != 0 ? "t" : "";
      one.amounts.cost = Money::FromNanos(Draw(1, 2'000'000'000));
      one.amounts.calls = Draw(0, 9);
      one.amounts.input_tokens = Draw(0, 90'000);
      one.amounts.cached_tokens = one.amounts.input_tokens / 3;
      one.amounts.output_tokens = Draw(0, 9'000);
      batch.increments.push_back(
          {{"records", "agents", one.name, one.model, one.task, ""}, one.at, one.amounts});
      spent.push_back(std::move(one));
    }
    ASSERT_TRUE(ledger_->Commit(std::move(batch)).ok());
    by_hand_.Take(std::move(spent), "records");
  }

  // An agent comes into a pool, leaves it, or is called otherwise from now on, in its pool too.
  void MoveSomebody() {
    const auto number = Index(kAgents);
    const auto since = ledger::MinuteNotBefore(clock_.Now());
    if (Draw(0, 3) == 0) {
      by_hand_.Rename(number, since);
      meters_.Run(number, NameOf(number));
      ++renames_;
    } else if (const int to = Draw(kNowhere, 2); to != by_hand_.agents()[number].pool) {
      by_hand_.Move(number, to, since);
    }
    TellPools();
    if (Draw(0, 5) == 0) {  // a rollout
      const auto other = Index(kAgents);
      meters_.Run(other, NameOf(other));
    }
  }

  void TellPools() {
    pools_.clear();
    std::vector<ledger::PoolMembers> members;
    for (int i = 0; i < static_cast<int>(kPools.size()); ++i) {
      PoolBuilder pool(kPools[static_cast<std::size_t>(i)]);
      for (std::size_t number = 0; number < kAgents; ++number) {
        if (by_hand_.agents()[number].pool == i)
          pool.Agent(NameOf(number), {}, "workload-" + std::to_string(number));
      }
      pools_.push_back(pool.Share());
      members.push_back(MembersOf(*pools_.back()));
    }
    ASSERT_TRUE(ledger_->SetMembers(members, ledger::Told::kAll).ok());
  }

  // Somebody is granted more, for one agent or all.
  void Grant() {
    for (std::size_t i = 0; i < 1 + live_.size() / 100; ++i) {
      const auto& budget = live_[Index(live_.size())].budget;
      auto one = std::make_shared<api::AgentBudgetOverride>();
      one->meta.ns = "agents";
      one->meta.name = "grant-" + std::to_string(granted_++);
      one->spec.budget = budget.meta.name;
      (Draw(0, 2) != 0 ? one->spec.add : one->spec.set) = std::to_string(Draw(1, 9));
      if (Draw(0, 1) != 0) one->spec.agent = NameOf(Index(kAgents));
      one->spec.reason = "why";
      one->spec.at = clock_.Now() + minutes(Draw(1, 60 * 24 * 30));
      if (Draw(0, 4) != 0) {
        one->status.approved_by = "bob";
        one->status.conditions = {{"Approved", "True", "", "", FormatUtc(clock_.Now()), 0}};
      }
      grants_[budget.meta.name].push_back(std::move(one));
    }
  }

  std::int64_t LimitByHand(const api::AgentBudget& budget, const std::string& subject) {
    const std::int64_t unit = budget.spec.unit == Unit::kUsd ? 1'000'000'000 : 1;
    std::int64_t largest = -1;
    std::int64_t added = 0;
    for (const auto& one : grants_[budget.meta.name]) {
      const bool for_it = one->spec.agent.empty() ||
                          (budget.spec.scope.per == api::Per::kAgent && one->spec.agent == subject);
      if (one->status.approved_by.empty() || !for_it || clock_.Now() >= *one->spec.at) continue;
      if (one->spec.add.empty()) {
        largest = std::max<std::int64_t>(largest, std::stoll(one->spec.set) * unit);
      } else {
        added += std::stoll(one->spec.add) * unit;
      }
    }
    return (largest < 0 ? budget.spec.limit.count() : largest) + added;
  }

  Timestamp StartOf(const api::AgentBudgetSpec& spec, const policy::Window& window) const {
    if (spec.window.type == api::WindowType::kCalendar) return window.start;
    if (spec.window.type == api::WindowType::kLifetime)
      return kBegin - minutes(7);  // its quarter of an hour
    const std::int64_t step = spec.window.length <= hours(48) ? 60'000 : 900'000;
    const std::int64_t begun = (clock_.Now() - spec.window.length).time_since_epoch().count();
    return Timestamp(Duration(begun - begun % step));
  }

  ResolvedScope Resolve(const api::AgentBudgetSpec& spec) const {
    std::vector<ledger::Membership> members;
    std::vector<PoolPointer> pools;
    for (const auto& pool : pools_) {
      if (spec.scope.pools.front() != "*" && pool->meta.name == "c") continue;
      pools.push_back(pool);
      if (!NeedsMembers(spec.scope)) continue;
      const auto own = ledger_->Members("agents", pool->meta.name);
      members.insert(members.end(), own.begin(), own.end());
    }
    return ResolveScope(spec.scope, pools, members);
  }

  std::string Told(const Live& live, const std::string& subject) const {
    const auto& spec = live.budget.spec;
    return live.budget.meta.name + " of " + spec.source + " per " +
           std::to_string(static_cast<int>(spec.scope.per)) + " " + spec.scope.pools.front() +
           " subject \"" + subject + "\" window " +
           std::to_string(static_cast<int>(spec.window.type)) + " " + spec.window.time_zone +
           " at " + FormatUtcMillis(clock_.Now());
  }

  // Those that closed since it was looked at last, up to three.
  void CheckClosed(const Live& live, const ResolvedScope& resolved, policy::Window window) {
    const auto& spec = live.budget.spec;
    if (!live.window || spec.window.type != api::WindowType::kCalendar) return;
    for (int i = 0; i < 3 && window.start > live.window->start; ++i) {
      window = *policy::WindowBefore(window, spec.window);
      const auto sum = ledger_->Sum(CoverageOf(live.budget, WholeOf(resolved), window));
      ASSERT_TRUE(sum.ok());
      // Of all together, whoever has the limit.
      EXPECT_EQ(SpendByHand::Counted(spec, *sum),
                by_hand_.Sum(spec, api::Per::kTotal, "", window.start, window.end))
          << "closed " << FormatUtcMillis(window.start) << " to " << FormatUtcMillis(window.end)
          << " of " << Told(live, "");
      ++closed_;
    }
  }

  void Check(Live& live) {
    const auto& budget = live.budget;
    const auto& spec = budget.spec;
    const auto now = clock_.Now();
    const auto window = policy::WindowAt(now, spec.window, *budget.created);
    ASSERT_TRUE(window.ok());
    const bool by_hand = spec.window.type == api::WindowType::kCalendar &&
                         spec.window.period != api::Period::kHour && live.window != *window;
    if (by_hand) {
      EXPECT_EQ(FormatUtc(window->start), FormatUtc(SpendByHand::StartOf(now, spec.window)))
          << Told(live, "");
    }
    const auto resolved = Resolve(spec);
    CheckClosed(live, resolved, *window);
    auto subjects = SubjectsOf(spec.scope, resolved, live.subjects);
    const policy::SourceState source{policy::SourceState::Kind::kHealthy, {}, {}, {}};
    const auto grants = GrantsOf(grants_[budget.meta.name], budget, now);
    for (const auto& subject : subjects) {
      const auto id = RowId(budget.meta.key(), subject->name);
      ASSERT_TRUE(ledger_->Track(id, CoverageOf(budget, *subject, *window)).ok());
      const auto total = ledger_->Read(id, now);
      ASSERT_TRUE(total.has_value());
      const auto limit = LimitWith(spec.limit, grants, subject->name);
      EXPECT_EQ(limit.count(), LimitByHand(budget, subject->name)) << Told(live, subject->name);
      const auto row =
          MakeRow({budget, subject, limit, *total, {}, *window, source, {}, now, {}, nullptr});
      EXPECT_EQ(row->decision.spent.count(), by_hand_.Sum(spec, spec.scope.per, subject->name,
                                                          StartOf(spec, *window), policy::kNever))
          << Told(live, subject->name);
    }
    for (const auto& before : live.subjects) {
      const bool there = std::any_of(subjects.begin(), subjects.end(), [&](const auto& subject) {
        return subject->name == before->name;
      });
      if (!there) ledger_->Untrack(RowId(budget.meta.key(), before->name));
    }
    live.subjects = std::move(subjects);
    live.window = *window;
  }

  std::mt19937 random_;
  support::FakeClock clock_;
  YearOfMeters meters_;
  const api::SourceConfig source_ = YearOfMeters::Source();
  ledger::TemporaryFolder folder_;
  ledger::Store* store_ = nullptr;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<usage::PrometheusReader> reader_;
  std::vector<std::string> zones_;
  SpendByHand by_hand_;
  std::vector<PoolPointer> pools_;
  std::vector<Live> live_;
  std::map<std::string, std::vector<std::shared_ptr<const api::AgentBudgetOverride>>> grants_;
  int granted_ = 0;
  int outages_ = 0;
  int closed_ = 0;
  int renames_ = 0;
};

// PURSER_YEARS="FROM TO BUDGETS" asks for other seeds and as many budgets.
TEST(BudgetYearTest, EveryTotalAndEveryClosedWindowIsThatOfTheList) {
  spdlog::set_level(spdlog::level::warn);  // it catches up hundreds of times
  unsigned first = 1, last = 1;
  std::size_t budgets = 30;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets any
  if (const char* asked = std::getenv("PURSER_YEARS"); asked != nullptr)
    std::istringstream(asked) >> first >> last >> budgets;
  for (unsigned seed = first; seed <= last && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Year year(seed, budgets);
    while (!year.Over() && !HasFailure()) year.Step();
    if (HasFailure()) return;
    EXPECT_GT(year.resets(), 20);
    EXPECT_GT(year.outages(), 5);
    EXPECT_GT(year.renames(), 20);
    EXPECT_GT(year.closed(), 100);
  }
}

}  // namespace
}  // namespace purser::controllers
