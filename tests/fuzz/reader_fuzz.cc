// A series of answers of Prometheus, booked: one a line, preceded by its HTTP status where that is
// not 200 ("503 starting"). The first answers the query for the baseline.
#include "usage/prometheus/reader.h"

#include <spdlog/spdlog.h>

#include <charconv>
#include <map>
#include <memory>

#include "fuzz/target.h"
#include "support/clocks.h"
#include "support/memory_store.h"

namespace purser::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kStart{1'800'000'000s};
constexpr Duration kInterval{15s};
constexpr int kMostAnswers = 8;

// Every query is answered by the same text until another is set.
class OneAnswer final : public net::HttpTransport {
 public:
  void Set(std::string_view line) {
    response_ = {200, {}, std::string(line)};
    int status = 0;
    const auto [end, problem] = std::from_chars(line.data(), line.data() + line.size(), status);
    if (problem != std::errc() || status < 100 || status > 599) return;
    response_ = {status, {}, std::string(line.substr(static_cast<std::size_t>(end - line.data())))};
  }
  Result<net::HttpResponse> Send(const net::HttpRequest&, std::stop_token) override {
    return response_;
  }
  Result<net::HttpResponse> Stream(const net::HttpRequest&, const OnPiece& on_piece,
                                   std::stop_token) override {
    if (response_.status != 200) return response_;
    const auto goes_on = on_piece(response_.body);
    if (!goes_on) return goes_on.error();
    return net::HttpResponse{200, response_.headers, ""};
  }

 private:
  net::HttpResponse response_;
};

// The minutes and the sources' positions, to compare.
struct Snapshot {
  explicit Snapshot(const support::MemoryDatabase& database) : minutes(database.minutes) {
    const auto known = database.cursors.find("default");
    if (known != database.cursors.end()) cursors = known->second;
    const auto found = database.sources.find("default");
    if (found != database.sources.end()) complete_until = found->second.complete_until;
  }
  std::map<ledger::SpendKey, std::map<std::int64_t, Amounts>> minutes;
  decltype(support::MemoryDatabase::cursors)::mapped_type cursors;
  std::optional<Timestamp> complete_until;
  bool operator==(const Snapshot&) const = default;
};

// What one leader has: thrown away at a restart.
struct Leader {
  Leader(const std::shared_ptr<support::MemoryDatabase>& database, OneAnswer& prometheus,
         Clock& clock)
      : store(database),
        taken(store.TakeOver().ok()),
        ledger(ledger::MakeLedger(std::make_unique<support::BorrowedStore>(store), clock)),
        reader(Source(), prometheus, *ledger, store, clock) {}

  static api::SourceConfig Source() {
    api::SourceConfig source;
    source.name = "default";
    source.prometheus.url = "http://prometheus:9090";
    source.prometheus.metric = "cost";
    source.prometheus.scrape_interval = kInterval;
    source.prometheus.backfill = 60s;
    return source;
  }

  support::MemoryStore store;
  bool taken;
  std::unique_ptr<ledger::Ledger> ledger;
  usage::PrometheusReader reader;
};

void CheckNothingShrank(const Snapshot& before, const Snapshot& after) {
  for (const auto& [key, minutes] : before.minutes) {
    const auto found = after.minutes.find(key);
    Require(found != after.minutes.end(), "what was booked stays booked");
    for (const auto& [minute, spent] : minutes) {
      const auto now = found->second.find(minute);
      Require(now != found->second.end() && now->second.cost >= spent.cost,
              "spend never decreases");
    }
  }
  for (const auto& [key, minutes] : after.minutes) {
    for (const auto& [minute, spent] : minutes)
      Require(spent.cost > Money(), "an increment is positive");
  }
  Require(after.complete_until >= before.complete_until, "time read completely never goes back");
}

void Replay(std::string_view text) {
  support::FakeClock clock(kStart);
  OneAnswer prometheus;
  const auto database = std::make_shared<support::MemoryDatabase>();
  auto leader = std::make_unique<Leader>(database, prometheus, clock);
  for (int i = 0; i < kMostAnswers && !text.empty(); ++i) {
    prometheus.Set(TakeLine(text));
    clock.Advance(kInterval);
    const Snapshot before(*database);
    const bool baseline = !before.complete_until;
    const auto outcome = leader->reader.Read(kInterval, {});
    const Snapshot after(*database);
    if (outcome.problem) {
      Require(before == after, "an answer refused advances nothing");
      continue;
    }
    CheckNothingShrank(before, after);
    Require(!baseline || before.minutes == after.minutes, "the baseline is not spend");
    // The same again after a crash: everything in it is booked already.
    leader = std::make_unique<Leader>(database, prometheus, clock);
    if (baseline) continue;
    static_cast<void>(leader->reader.Read(kInterval, {}));
    Require(Snapshot(*database).minutes == after.minutes, "a replay books nothing twice");
  }
}

}  // namespace
}  // namespace purser::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool quiet = (spdlog::set_level(spdlog::level::off), true);
  static_cast<void>(quiet);
  purser::fuzz::Replay(purser::fuzz::TextOf(data, size));
  return 0;
}
