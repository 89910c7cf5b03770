// What the ledger's file takes: bytes per series and day, per booking and minute; microseconds of a
// booking. Printed as the table of tests/bench/README.md.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "ledger/sqlite/sqlite_store.h"
#include "ledger/store.h"

namespace purser::ledger {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kStart{1'800'000'000s};
constexpr int kSeries = 1'000;
constexpr int kMinutesOfDay = 24 * 60;

struct Usage {
  std::chrono::steady_clock::time_point wall = std::chrono::steady_clock::now();
  double cpu = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  }();
};

void Must(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.error().message().c_str());
  std::exit(1);
}

SpendKey KeyOf(int series) {
  return {"default", "agents", "agent-" + std::to_string(series), "gpt-large", "", ""};
}

// Each series spends once in this minute: cost alone, or all that a gateway tells.
Batch Minute(int minute, bool all_amounts) {
  Batch batch;
  batch.source = "default";
  const Timestamp at = kStart + minute * 1min;
  for (int i = 0; i < kSeries; ++i) {
    const std::int64_t n = minute * 1'000 + i;
    Amounts amounts = CostOf(Money::FromNanos(12'345'678 + n));
    if (all_amounts) amounts = {amounts.cost, 3, 0, 4'000 + n, 700 + n, 2'000, 300, 5'000 + n};
    batch.increments.push_back({KeyOf(i), at, amounts});
    batch.cursors.push_back({{static_cast<std::uint64_t>(i) * 0x9e37'79b9'7f4a'7c15u, 7},
                             at,
                             std::string(64, static_cast<char>('a' + minute % 26))});
  }
  batch.complete_until = at;
  batch.newest_sample = at;
  return batch;
}

double SizeOf(const std::filesystem::path& file) {
  return std::filesystem::exists(file) ? static_cast<double>(std::filesystem::file_size(file)) : 0;
}

void Row(const char* what, double value, const char* unit) {
  std::printf("| %s | %.3g %s |\n", what, value, unit);
}

void Measure(const std::filesystem::path& folder, bool all_amounts) {
  const auto file = folder / (all_amounts ? "all.db" : "cost.db");
  const std::string of = all_amounts ? "all eight amounts: " : "cost alone: ";
  auto store = OpenSqliteStore(file);
  if (!store) Must(store.error());
  if (const auto epoch = (*store)->TakeOver(); !epoch) Must(epoch.error());
  const Usage before;
  for (int minute = 0; minute < kMinutesOfDay; ++minute) {
    std::vector<Batch> batches;
    batches.push_back(Minute(minute, all_amounts));
    Must((*store)->Commit(batches));
  }
  const Usage after;
  constexpr double kBookings = static_cast<double>(kSeries) * kMinutesOfDay;
  Row((of + "CPU per booking with its cursor").c_str(), (after.cpu - before.cpu) / kBookings * 1e6,
      "us");
  Row((of + "a commit of 1,000 bookings").c_str(),
      std::chrono::duration<double>(after.wall - before.wall).count() / kMinutesOfDay * 1e3, "ms");
  store->reset();  // the log goes into the file
  Row((of + "file per booking and minute, cursors included").c_str(), SizeOf(file) / kBookings,
      "bytes");
  Row((of + "file per series that spends every minute of a day").c_str(),
      SizeOf(file) / kSeries / 1024, "KiB");

  store = OpenSqliteStore(file);
  if (const auto epoch = (*store)->TakeOver(); !epoch) Must(epoch.error());
  const Usage before_fold;
  Must((*store)->Fold(kStart + 24h * 4));
  const Usage after_fold;
  Row((of + "folding that day, CPU").c_str(), after_fold.cpu - before_fold.cpu, "s");
  store->reset();
  // Folding frees pages for the days that follow; a copy shows what is left.
  const std::string compact =
      "sqlite3 '" + file.string() + "' \"VACUUM INTO '" + file.string() + ".compact'\"";
  if (std::system(compact.c_str()) == 0) {
    Row((of + "the same, folded, per series and day").c_str(),
        SizeOf(file.string() + ".compact") / kSeries / 1024, "KiB");
  }
}

void MeasureWrites(const std::filesystem::path& folder) {
  const auto file = folder / "writes.db";
  auto store = OpenSqliteStore(file);
  if (!store) Must(store.error());
  if (const auto epoch = (*store)->TakeOver(); !epoch) Must(epoch.error());
  std::vector<Batch> batches;
  batches.push_back(Minute(0, false));
  Must((*store)->Commit(batches));
  const double before = SizeOf(file.string() + "-wal");
  batches.front() = Minute(1, false);
  Must((*store)->Commit(batches));
  Row("written to the log per booking with its cursor",
      (SizeOf(file.string() + "-wal") - before) / kSeries, "bytes");
}

}  // namespace
}  // namespace purser::ledger

int main() {
  std::string pattern = (std::filesystem::temp_directory_path() / "ledger-XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(pattern.data());
  std::printf("| 1,000 series, each with its own key, once a minute |  |\n| --- | --- |\n");
  purser::ledger::Measure(folder, false);
  purser::ledger::Measure(folder, true);
  purser::ledger::MeasureWrites(folder);
  std::filesystem::remove_all(folder);
  return 0;
}
