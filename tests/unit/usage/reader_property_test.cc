// Random worlds: counters that reset, pause, come and go, samples that show late, failing answers
// and commits, restarts, two leaders. In the end the ledger holds exactly what was spent, minute by
// minute.
#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "base/time_text.h"
#include "support/clocks.h"
#include "support/memory_store.h"
#include "unit/usage/random_world.h"
#include "usage/prometheus/reader.h"

namespace purser::usage {
namespace {

// One operator: a store's connection, a ledger, a reader; thrown away at every restart.
struct Operator {
  Operator(std::shared_ptr<support::MemoryDatabase> database, const api::SourceConfig& source,
           support::FakePrometheus& prometheus, Clock& clock)
      : store(std::move(database)),
        taken(store.TakeOver().ok()),
        ledger(ledger::MakeLedger(std::make_unique<support::BorrowedStore>(store), clock)),
        reader(source, prometheus, *ledger, store, clock) {}
  support::MemoryStore store;
  bool taken;
  std::unique_ptr<ledger::Ledger> ledger;
  PrometheusReader reader;
};

std::map<std::int64_t, std::int64_t> Booked(const support::MemoryDatabase& database) {
  std::map<std::int64_t, std::int64_t> booked;
  for (const auto& [key, minutes] : database.minutes) {
    EXPECT_EQ(key.ns, "agents");
    for (const auto& [minute, amount] : minutes) booked[minute] += amount.cost.nanos();
  }
  return booked;
}

void Walk(unsigned seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  // The source has had series for ten minutes when reading begins.
  const Duration backfill(random(1, 50) * 60'000);
  const Timestamp first = kStart + Duration(random(60, 65) * 60'000);
  World world(seed + 1'000'000, first - backfill);
  support::FakeClock clock(first);
  const auto source = Source(backfill);
  const auto database = std::make_shared<support::MemoryDatabase>();
  world.Advance(first);
  // Everything is visible that became so until now, however far back a query looks.
  world.prometheus().now = [&clock] { return clock.Now(); };

  auto leader = std::make_unique<Operator>(database, source, world.prometheus(), clock);
  std::unique_ptr<Operator> rival;
  bool disturbed = true;
  world.prometheus().intercept =
      [&](const net::HttpRequest& request) -> std::optional<Result<net::HttpResponse>> {
    // Without a start time no rule is exact: that is for the meter's own tests.
    if (request.body.find("process_start") != std::string::npos) return std::nullopt;
    if (!disturbed || !random.Chance(15)) return std::nullopt;
    return Disturb(random);
  };
  const auto fail = [&]() -> Status {
    if (disturbed && random.Chance(5)) return Error(ErrorCode::kUnavailable, "full");
    return Ok();
  };

  (void)leader->reader.Read(15s, {});  // fixes the epoch, whether it is answered or not
  for (int step = 0; step < 25; ++step) {
    // Mostly a poll, sometimes an outage.
    clock.Advance(random.Chance(10) ? Duration(random(1, 90 * 60'000))
                                    : Duration(random(1'000, 40'000)));
    world.Advance(clock.Now());
    if (random.Chance(15))
      leader = std::make_unique<Operator>(database, source, world.prometheus(), clock);
    if (random.Chance(10)) {
      rival = std::move(leader);  // it goes on for a while, not knowing
      leader = std::make_unique<Operator>(database, source, world.prometheus(), clock);
    }
    if (rival && random.Chance(50)) (void)rival->reader.Read(15s, {});
    leader->store.fail = fail;
    const auto outcome = leader->reader.Read(15s, {});
    ASSERT_FALSE(outcome.problem && outcome.problem->code == ErrorCode::kFenced);
    leader->store.fail = nullptr;
  }
  // Undisturbed, and after the latest sample has become visible, everything is caught up.
  disturbed = false;
  clock.Advance(60s);
  for (int reads = 0; reads < 200; ++reads) {
    const auto outcome = leader->reader.Read(15s, {});
    ASSERT_FALSE(outcome.problem) << outcome.problem->message;
    if (outcome.caught_up) break;
  }
  const auto booked = Booked(*database);
  const auto truth = WithoutZeros(world.truth());
  if (booked == truth) return;
  std::string story = "epoch " + FormatUtc(first - backfill) + ", in the store " +
                      FormatUtc(*database->sources["default"].epoch) + "\n";
  for (const auto& [minute, nanos] : truth) {
    const auto found = booked.find(minute);
    const auto had = found == booked.end() ? 0 : found->second;
    if (had != nanos)
      story += "minute " + std::to_string(minute) + ": booked " + std::to_string(had) + ", spent " +
               std::to_string(nanos) + "\n";
  }
  for (const auto& entry : database->journal) {
    story += std::string(ledger::ToString(entry.kind)) + " " + FormatUtc(entry.at) + " " +
             entry.series + " " + entry.from + " -> " + entry.to + ": " +
             entry.amount.cost.ToDecimal() + " " + entry.reason + "\n";
  }
  FAIL() << story;
}

TEST(ReaderProperty, BooksExactlyWhatWasSpent) {
  for (unsigned seed = 1; seed <= 2000; ++seed) {
    Walk(seed);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace purser::usage
