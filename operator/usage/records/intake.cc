#include "usage/records/intake.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <span>
#include <unordered_map>
#include <utility>

#include "base/guarded.h"
#include "base/time_text.h"
#include "usage/records/doubt.h"

namespace purser::usage::records {
namespace {

constexpr std::size_t kRecordsTogether = 20'000;
constexpr std::chrono::seconds kPruneEvery{60};
// What another commits of the same call is durable by then, or not at all.
constexpr std::chrono::seconds kWaitForOthers{1};

}  // namespace

// Where each key's minute is among increments: a set of places in them, found by what stands there.
class Intake::Places {
 public:
  // The place of this key's minute, if any.
  ledger::Increment* Find(std::vector<ledger::Increment>& increments, const ledger::SpendKey& key,
                          std::int64_t minute) const {
    const auto [begin, end] = places_.equal_range(HashOf(key, minute));
    for (auto place = begin; place != end; ++place) {
      auto& increment = increments[place->second];
      if (ledger::MinuteOf(increment.at) == minute && increment.key == key) return &increment;
    }
    return nullptr;
  }
  void Add(const ledger::SpendKey& key, std::int64_t minute, std::size_t place) {
    places_.emplace(HashOf(key, minute), place);
  }

 private:
  static std::size_t HashOf(const ledger::SpendKey& key, std::int64_t minute) {
    return ledger::SpendKeyHash()(key) ^ static_cast<std::size_t>(minute);
  }

  std::unordered_multimap<std::size_t, std::size_t> places_;
};

struct Intake::Group {
  explicit Group(Claims& of) : claims(of) {}
  Claims::Group claims;
  Timestamp now;
  Timestamp oldest;  // of the records that are taken
  std::vector<BookedRecord> booked;
  std::shared_ptr<const pricing::Prices> prices;
  ledger::Batch batch;
  ledger::CallsOfBatch with;
  Places places;  // in batch.increments
};

Intake::Intake(std::string source, ledger::Ledger& ledger, ledger::CallLog& log, Claims& claims,
               const pricing::PriceBook& prices, Clock& clock, IntakeLimits limits)
    : source_(std::move(source)),
      ledger_(ledger),
      log_(log),
      prices_(prices),
      clock_(clock),
      limits_(limits),
      claims_(claims),
      thread_([this](const std::stop_token& stop) { Work(stop); }) {}

Intake::~Intake() {
  thread_.request_stop();
  thread_.join();
}

void Intake::OnBooked(Listener listener) {
  const std::lock_guard lock(telling_);
  listener_ = std::move(listener);
}

bool Intake::Submit(Decoded decoded, Done done) {
  {
    const std::lock_guard lock(mutex_);
    // One that is large is taken where nothing waits.
    if (waiting_records_ > 0 && waiting_records_ + decoded.records.size() > limits_.most_waiting)
      return false;
    waiting_records_ += decoded.records.size();
    waiting_.push_back({std::move(decoded), std::move(done), {}});
  }
  came_.notify_one();
  return true;
}

void Intake::Work(const std::stop_token& stop) {
  auto pruned = clock_.Steady();
  while (true) {
    std::vector<Submission> submissions;
    {
      std::unique_lock lock(mutex_);
      came_.wait_for(lock, stop, kPruneEvery, [this] { return !waiting_.empty(); });
      if (stop.stop_requested()) return;
      std::size_t records = 0;
      while (!waiting_.empty() && records < kRecordsTogether) {
        records += waiting_.front().decoded.records.size();
        submissions.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
      }
      waiting_records_ -= records;
    }
    if (!submissions.empty()) CommitGroup(submissions);
    if (clock_.Steady() - pruned >= kPruneEvery) {
      Prune();
      pruned = clock_.Steady();
    }
  }
}

void Intake::CommitGroup(std::vector<Submission>& submissions) {
  std::vector<BookedRecord> booked;
  const Status committed = Guarded([&]() -> Status {
    const auto now = clock_.Now();
    claims_.Tidy(now);
    Group group(claims_);
    group.now = now;
    group.oldest = std::max(now - KnownIds::kWindow, claims_.horizon());
    group.prices = prices_.Current();
    group.batch.source = source_;
    group.with.received = now;
    for (auto& submission : submissions) Take(submission, group);
    if (group.claims.ids().empty()) return Ok();
    group.with.ids = group.claims.ids();
    const void* token = ledger::BatchToken(group.batch);
    log_.Put(token, std::move(group.with));
    const Status written = ledger_.Commit(std::move(group.batch));
    log_.Drop(token);
    if (!written.ok()) return written;
    group.claims.Keep();
    booked = std::move(group.booked);
    return Ok();
  });
  if (committed.ok() && !booked.empty()) {
    const std::lock_guard lock(telling_);
    const auto heard = Guarded([&] {
      if (listener_) listener_(booked);
    });
    if (!heard.ok())
      spdlog::error("source={} what was booked could not be told on: {}", source_,
                    heard.error().message());
  }
  for (auto& submission : submissions) {
    if (committed.ok()) {
      submission.done(std::move(submission.taken));
    } else {
      submission.done(committed.error());
    }
  }
}

std::string Intake::OutOfTime(const Record& record, const Group& group) {
  const auto now = group.now;
  if (record.time > now + kFuture) {
    return "time: " + FormatUtcMillis(record.time) + " is in the future, it is " +
           FormatUtcMillis(now) + ": check the sender's clock";
  }
  if (record.time < group.oldest) {
    return "time: " + FormatUtcMillis(record.time) + " is before " + FormatUtcMillis(group.oldest) +
           ": older records might have been booked before; a SpendCorrection books what is missing";
  }
  return "";
}

void Intake::Take(Submission& submission, Group& group) {
  auto& taken = submission.taken;
  taken.rejected = std::move(submission.decoded.rejected);
  for (std::size_t i = 0; i < submission.decoded.records.size(); ++i) {
    const auto& record = submission.decoded.records[i];
    std::string reason = OutOfTime(record, group);
    bool fresh = false;
    if (reason.empty()) reason = Claim(record, group, fresh);
    if (!reason.empty()) {
      taken.rejected.push_back({submission.decoded.indices[i], record.id, std::move(reason)});
      continue;
    }
    if (fresh) {
      Book(record, group, taken);
    } else {
      ++taken.duplicate;
    }
  }
}

std::string Intake::Claim(const Record& record, Group& group, bool& fresh) {
  const std::array own{claims_.IdOf(record.ns, record.id)};
  std::array<ledger::CallId, 1> settled{};
  std::array<ledger::CallId, 1> mark{};
  Claims::Group::Call call{.names = own};
  if (const auto admission = AdmissionOf(record); !admission.empty()) {
    const bool failed = record.outcome != ledger::Outcome::kSuccess;
    settled[0] = claims_.IdOf(record.ns, admission, Claims::Told::kSettled, failed);
    mark[0] = claims_.IdOf(record.ns, admission, Claims::Told::kRecorded, failed);
    call.others = settled;
    call.marks = mark;
  }
  auto found = group.claims.Claim(call, group.now);
  if (found == Claims::Found::kBeingBooked) {
    claims_.Wait(call.names, kWaitForOthers);
    claims_.Wait(call.others, kWaitForOthers);
    found = group.claims.Claim(call, group.now);
  }
  fresh = found == Claims::Found::kNew;
  if (found == Claims::Found::kNoRoom)
    return "id: more ids came in this hour than are kept; send it again in the next";
  if (found == Claims::Found::kBeingBooked)
    return "id: what another request tells of the same call is being stored; send it again";
  return "";
}

void Intake::Book(const Record& record, Group& group, Taken& taken) {
  ledger::Call call;
  call.key = {source_, record.ns, record.agent, record.model, record.task, record.workflow};
  call.at = std::min(record.time, group.now);
  call.id = record.id;
  call.provider = record.provider;
  call.parent = record.parent;
  call.error = record.error;
  call.outcome = record.outcome;
  auto& amounts = call.amounts;
  amounts.calls = 1;
  amounts.failed_calls = record.outcome == ledger::Outcome::kSuccess ? 0 : 1;
  amounts.input_tokens = record.tokens.input;
  amounts.output_tokens = record.tokens.output;
  amounts.cached_tokens = record.tokens.cached;
  amounts.reasoning_tokens = record.tokens.reasoning;
  amounts.latency_ms = record.latency_ms;
  const auto judged = Judge(record, *group.prices);
  amounts.cost = judged.cost;
  amounts.estimated = judged.estimated;
  call.held = !judged.doubt.empty();
  if (call.held) {
    ++taken.held;
    ledger::JournalEntry entry;
    entry.kind = ledger::JournalKind::kDoubt;
    entry.at = call.at;
    entry.recorded = group.now;
    entry.key = call.key;
    entry.series = "record " + record.id;
    entry.amount = amounts;
    entry.reason = judged.doubt;
    entry.held = ledger::HeldState::kHeld;
    group.batch.journal.push_back(std::move(entry));
  } else {
    ++taken.accepted;
    auto& increments = group.batch.increments;
    const auto minute = ledger::MinuteOf(call.at);
    if (auto* known = group.places.Find(increments, call.key, minute)) {
      known->amounts += amounts;
    } else {
      group.places.Add(call.key, minute, increments.size());
      increments.push_back({call.key, call.at, amounts});
    }
    group.booked.push_back({record, amounts});
  }
  group.batch.newest_sample = std::max(group.batch.newest_sample.value_or(call.at), call.at);
  group.with.calls.push_back(std::move(call));
}

// What cannot be dropped now is dropped another time.
void Intake::Prune() {
  const auto now = clock_.Now();
  for (int i = 0; i < 100; ++i) {
    const auto more =
        log_.Prune(now - limits_.keep_calls_for, limits_.most_calls, now - KnownIds::kKeep);
    if (!more.ok()) {
      spdlog::warn("source={} old calls are not dropped: {}", source_, more.error().message());
      return;
    }
    if (!*more) return;
    const std::lock_guard lock(mutex_);
    if (!waiting_.empty()) return;
  }
}

}  // namespace purser::usage::records
