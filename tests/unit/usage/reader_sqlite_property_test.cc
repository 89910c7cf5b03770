// The random worlds of reader_property_test on the store of production: a file, full at times, two
// leaders with a connection each, and processes that are killed within a transaction, before it is
// committed and after. In the end the file holds exactly what was spent, minute by minute.
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>

#include "ledger/sqlite/sqlite_store.h"
#include "support/clocks.h"
#include "support/memory_store.h"
#include "unit/usage/random_world.h"
#include "usage/prometheus/reader.h"

namespace purser::usage {
namespace {

// In memory where there is such a place: what a disk forgets is not the subject.
class Folder {
 public:
  Folder() {
    const bool shared = access("/dev/shm", W_OK) == 0;
    std::string pattern =
        (shared ? std::string("/dev/shm") : std::filesystem::temp_directory_path().string()) +
        "/purser-reader-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string File() const { return path_ / "ledger.db"; }

 private:
  std::filesystem::path path_;
};

class FailingStore final : public support::BorrowedStore {
 public:
  using BorrowedStore::BorrowedStore;
  std::function<Status()> fail;
  Status Commit(std::vector<ledger::Batch>& batches) override {
    if (fail) PURSER_RETURN_IF_ERROR(fail());
    return BorrowedStore::Commit(batches);
  }
};

std::unique_ptr<ledger::Store> Open(const std::string& file) {
  auto store = ledger::OpenSqliteStore(file);
  if (!store) throw std::runtime_error(store.error().message());
  return std::move(*store);
}

// One operator: a connection, a ledger, a reader; thrown away at every restart.
struct Operator {
  Operator(const std::string& file, const api::SourceConfig& source,
           support::FakePrometheus& prometheus, Clock& clock)
      : connection(Open(file)), taken(connection->TakeOver().ok()) {
    auto failing = std::make_unique<FailingStore>(*connection);
    store = failing.get();
    ledger = ledger::MakeLedger(std::move(failing), clock);
    reader.emplace(source, prometheus, *ledger, *connection, clock);
  }
  std::unique_ptr<ledger::Store> connection;
  bool taken;
  FailingStore* store = nullptr;
  std::unique_ptr<ledger::Ledger> ledger;
  std::optional<PrometheusReader> reader;
};

// Where a process dies: at the nth row it changes, before its nth commit is written, or after.
enum class Death { kAtRow, kBeforeCommit, kAfterCommit };
struct Fate {
  Death death = Death::kAtRow;
  std::int64_t left = 0;
};
Fate fate;  // of this process; SQLite's hooks take no closures at their installation

void Pass(Death point) {
  if (fate.death == point && --fate.left == 0) kill(getpid(), SIGKILL);
}

int InstallHooks(sqlite3* database, const char**, const sqlite3_api_routines*) {
  sqlite3_update_hook(
      database, [](void*, int, const char*, const char*, sqlite3_int64) { Pass(Death::kAtRow); },
      nullptr);
  sqlite3_commit_hook(
      database,
      [](void*) {
        Pass(Death::kBeforeCommit);
        return 0;
      },
      nullptr);
  sqlite3_wal_hook(
      database,
      [](void*, sqlite3*, const char*, int) {
        Pass(Death::kAfterCommit);
        return SQLITE_OK;
      },
      nullptr);
  return SQLITE_OK;
}

// True when it was killed.
bool ReadInAProcessThatDies(const std::string& file, const api::SourceConfig& source,
                            support::FakePrometheus& prometheus, Clock& clock, Fate its) {
  const pid_t child = fork();
  if (child == 0) {
    fate = its;
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(InstallHooks));
    Operator leader(file, source, prometheus, clock);
    for (int reads = 0; reads < 3; ++reads) (void)leader.reader->Read(15s, {});
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
  return WIFSIGNALED(status);
}

std::map<std::int64_t, std::int64_t> Booked(const std::string& file) {
  const auto store = Open(file);
  std::map<std::int64_t, std::int64_t> booked;
  const auto minutes =
      support::MinutesOne(*store, {"default", "agents", true, {}, kStart - 24h, kStart + 30 * 24h});
  EXPECT_TRUE(minutes.ok());
  for (const auto& [minute, spent] : *minutes) booked[minute] = spent.cost.nanos();
  return booked;
}

int deaths = 0;

void Walk(unsigned seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const Folder folder;
  const auto file = folder.File();
  // The source has had series for ten minutes when reading begins.
  const Duration backfill(random(1, 50) * 60'000);
  const Timestamp first = kStart + Duration(random(60, 65) * 60'000);
  World world(seed + 1'000'000, first - backfill);
  support::FakeClock clock(first);
  const auto source = Source(backfill);
  world.Advance(first);
  world.prometheus().now = [&clock] { return clock.Now(); };

  const auto make = [&] {
    return std::make_unique<Operator>(file, source, world.prometheus(), clock);
  };
  auto leader = make();
  std::unique_ptr<Operator> rival;
  bool disturbed = true;
  world.prometheus().intercept =
      [&](const net::HttpRequest& request) -> std::optional<Result<net::HttpResponse>> {
    // Without a start time no rule is exact: that is for the meter's own tests.
    if (request.body.find("process_start") != std::string::npos) return std::nullopt;
    if (!disturbed || !random.Chance(15)) return std::nullopt;
    return Disturb(random);
  };

  (void)leader->reader->Read(15s, {});  // fixes the epoch, whether it is answered or not
  for (int step = 0; step < 20; ++step) {
    clock.Advance(random.Chance(10) ? Duration(random(1, 90 * 60'000))
                                    : Duration(random(1'000, 40'000)));
    world.Advance(clock.Now());
    if (random.Chance(10)) leader = make();
    if (random.Chance(10)) {
      rival = std::move(leader);  // it goes on for a while, not knowing
      leader = make();
    }
    if (random.Chance(20)) {
      const Fate its{static_cast<Death>(random(0, 2)), random(1, 4)};
      // Its files are closed here, so that the next to open them has to recover.
      leader.reset();
      rival.reset();
      deaths += ReadInAProcessThatDies(file, source, world.prometheus(), clock, its) ? 1 : 0;
      leader = make();
    }
    if (rival && random.Chance(50)) (void)rival->reader->Read(15s, {});
    leader->store->fail = [&]() -> Status {
      if (random.Chance(5)) return Error(ErrorCode::kUnavailable, "full");
      return Ok();
    };
    const auto outcome = leader->reader->Read(15s, {});
    ASSERT_FALSE(outcome.problem && outcome.problem->code == ErrorCode::kFenced);
    leader->store->fail = nullptr;
  }
  disturbed = false;
  clock.Advance(60s);
  for (int reads = 0; reads < 200; ++reads) {
    const auto outcome = leader->reader->Read(15s, {});
    ASSERT_FALSE(outcome.problem) << outcome.problem->message;
    if (outcome.caught_up) break;
  }
  leader.reset();
  rival.reset();
  ASSERT_EQ(Booked(file), WithoutZeros(world.truth()));
}

TEST(ReaderSqliteProperty, TheFileHoldsExactlyWhatWasSpent) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    Walk(seed);
    if (HasFailure()) return;
  }
  EXPECT_GT(deaths, 300) << "the worlds must kill";
}

}  // namespace
}  // namespace purser::usage
