// From the samples of counters to money that people believe: booked, held in doubt, or quarantined.
// Pure: knows neither Prometheus nor the ledger's store. The rules and their reasons:
// operator/docs/adr/0011.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "ledger/journal.h"
#include "ledger/store.h"

namespace purser::usage {

// What a counter counts; one unit of a sample is a nano-dollar, a call, a token, a millisecond.
enum class Quantity : std::uint8_t {
  kCost,
  kCalls,
  kFailedCalls,
  kInputTokens,
  kOutputTokens,
  kCachedTokens,
  kReasoningTokens,
  kLatency,
  kCacheCreationTokens,  // of the input tokens, as cached ones are: for their price alone
};

// Of amounts, for people, and of a kind's series whatever its metric is called: "input tokens".
std::string_view UnitOf(Quantity quantity);
bool IsTokens(Quantity quantity);

// Views; they live as long as whoever made them says.
struct Label {
  std::string_view name;
  std::string_view value;
};

struct Sample {
  Timestamp at;
  std::int64_t value = 0;  // not negative; units of the quantity
};

struct MeterRules {
  Duration scrape_interval{15'000};
  // What could be earned without having been learned, a second: $1, or 1,000 calls, 1,000,000
  // tokens (of any kind), 3,600,000 ms.
  std::int64_t cost_per_second = 1'000'000'000;
};

// One raw series of one answer.
struct Observation {
  ledger::SeriesId identity;  // labels without what scraping added
  std::uint64_t raw = 0;      // a hash of all labels: tells twins of one identity apart
  std::uint32_t key = 0;      // the caller's number of the spend key, dense from 0, for good
  Quantity quantity = Quantity::kCost;
  bool aggregated = false;  // neither instance nor pod: its falls are never restarts
  // The same for one client's total shown by one pod and by another; 0: a pod's own counter.
  std::uint32_t client = 0;
  std::span<const Label> labels;    // sorted; for texts, valid during the call
  std::span<const Sample> samples;  // ascending, each time once
  // When the counter began, as known at the last sample, where the answer itself tells.
  std::optional<Timestamp> start = std::nullopt;
};

// An amount to book: signed, < 0 for what is taken back (with a note beside it).
struct Booked {
  std::uint32_t key = 0;
  Quantity quantity = Quantity::kCost;
  Timestamp at;
  std::int64_t value = 0;
};

// An entry for the journal. `amount`: what it explains of the booked, or what is held; of one that
// settles, what the ledger is to book at `at` if it still holds anything there.
struct Note {
  ledger::JournalKind kind = ledger::JournalKind::kDoubt;
  std::uint32_t key = 0;
  Quantity quantity = Quantity::kCost;
  Timestamp at;
  std::string series;
  std::optional<std::int64_t> from, to;
  std::int64_t amount = 0;
  bool held = false;
  bool settles = false;      // what was held of this series at `at`
  std::int64_t settled = 0;  // and how much that was
  bool of_several = false;   // agents: `key` names none of them
  std::string reason;
};

// Standing trouble of one identity: told as long as it lasts.
struct Trouble {
  std::uint32_t key = 0;
  std::string_view reason;  // "DuplicateWriters" or "NotACounter"
  std::string message;
};

// A series whose meaning hangs on when its counter began: asked of the source once, before Finish.
struct Question {
  std::size_t number = 0;  // for Tell
  Timestamp at;            // of the sample in question: the start is wanted as known then
  std::vector<std::pair<std::string, std::string>> labels;  // of the series, owned
};

// What one answer comes to. Nothing of it counts before Commit.
struct Reading {
  std::vector<Booked> booked;  // merged by key, quantity and minute where adjacent
  std::vector<Note> notes;
  std::vector<ledger::SeriesCursor> cursors;                  // worth writing
  std::vector<std::pair<std::uint32_t, std::int64_t>> rates;  // key, nano-dollars a second: raised
  std::optional<Timestamp> newest;                            // sample
  std::optional<Timestamp> oldest_new;  // the earliest sample that was not known
  Duration largest_lag{};               // of samples that were new: answer's time - sample
  std::int64_t restarts = 0;
};

// The counters of one source. Not thread-safe. An answer is a transaction: Begin, Take for each
// series, Questions and Tell, Finish, then Commit or Abandon; after Abandon it is as before Begin.
class Meter {
 public:
  explicit Meter(const MeterRules& rules);
  ~Meter();

  // From the store, before the first answer. A cursor that cannot be read is treated as unknown.
  void Load(const std::vector<ledger::SeriesCursor>& cursors);
  void LoadRate(std::uint32_t key, std::int64_t per_second, Timestamp at);
  bool Knows(const ledger::SeriesId& identity) const;

  // `at`: the time the answer was made for (the source's clock). `baseline`: what an unknown series
  // shows is not spend (first start, or newSeries: Baseline).
  void Begin(Timestamp at, bool baseline);
  // Twins (other raw series of the identity) are read only while the one read first is silent for
  // two scrapes, so that they count once.
  void Take(const Observation& observation);
  // A series that cannot be read as a counter at all (NaN, negative, too large, histogram): told
  // and journalled once while it lasts, nothing is booked.
  void Quarantine(std::uint32_t key, std::span<const Label> labels, std::string_view what,
                  Timestamp at);
  // Series of this answer that fell, or are new with more than plausible: their start is worth a
  // question. At most `most`; those not told are judged without proof.
  std::vector<Question> Questions(std::size_t most) const;
  void Tell(std::size_t question, Timestamp start);
  Reading Finish();
  void Commit();
  void Abandon();

  // Standing troubles, after Commit.
  std::vector<Trouble> Troubles() const;
  // Identities without a sample since `before` are dropped from memory (the store knows them).
  void Forget(Timestamp before);
  std::size_t size() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

// `agent_cost_usd_total{agent="x",…}`, printable and bounded, for messages.
std::string Describe(std::span<const Label> labels);

}  // namespace purser::usage
