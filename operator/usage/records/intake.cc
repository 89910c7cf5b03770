#include "usage/records/intake.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/guarded.h"
#include "base/time_text.h"
#include "usage/records/doubt.h"

namespace purser::usage::records {
namespace {

constexpr std::size_t kRecordsTogether = 20'000;
constexpr std::chrono::seconds kPruneEvery{60};

}  // namespace

struct Intake::Group {
  Timestamp now;
  std::shared_ptr<const pricing::Prices> prices;
  ledger::Batch batch;
  ledger::CallsOfBatch with;
  std::map<std::pair<ledger::SpendKey, std::int64_t>, std::size_t> places;  // in batch.increments
};

Result<std::unique_ptr<Intake>> Intake::Start(std::string source, ledger::Ledger& ledger,
                                              ledger::CallLog& log,
                                              const pricing::PriceBook& prices, Clock& clock,
                                              IntakeLimits limits) {
  const auto seed = log.IdSeed();
  if (!seed) return seed.error();
  KnownIds ids(*seed, limits.most_ids);
  const auto now = clock.Now();
  PURSER_RETURN_IF_ERROR(log.ForEachId(now - KnownIds::kKeep, [&](auto id, auto received) {
    ids.Insert(id, std::min(received, now));
  }));
  ids.Tidy(now);
  return std::unique_ptr<Intake>(
      new Intake(std::move(source), ledger, log, prices, clock, limits, std::move(ids)));
}

Intake::Intake(std::string source, ledger::Ledger& ledger, ledger::CallLog& log,
               const pricing::PriceBook& prices, Clock& clock, IntakeLimits limits, KnownIds ids)
    : source_(std::move(source)),
      ledger_(ledger),
      log_(log),
      prices_(prices),
      clock_(clock),
      limits_(limits),
      ids_(std::move(ids)),
      known_(ids_.size()),
      thread_([this](const std::stop_token& stop) { Work(stop); }) {}

Intake::~Intake() {
  thread_.request_stop();
  thread_.join();
}

std::size_t Intake::ids() const {
  const std::lock_guard lock(mutex_);
  return known_;
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
  std::vector<ledger::CallId> inserted;
  const Status committed = Guarded([&]() -> Status {
    Group group;
    group.now = clock_.Now();
    group.prices = prices_.Current();
    group.batch.source = source_;
    group.with.received = group.now;
    ids_.Tidy(group.now);
    for (auto& submission : submissions) Take(submission, group);
    inserted = group.with.ids;
    if (inserted.empty()) return Ok();
    const void* token = ledger::BatchToken(group.batch);
    log_.Put(token, std::move(group.with));
    const Status booked = ledger_.Commit(std::move(group.batch));
    log_.Drop(token);
    return booked;
  });
  if (!committed.ok()) {
    for (const auto id : inserted) ids_.Remove(id);
  }
  {
    const std::lock_guard lock(mutex_);
    known_ = ids_.size();
  }
  for (auto& submission : submissions) {
    if (committed.ok()) {
      submission.done(std::move(submission.taken));
    } else {
      submission.done(committed.error());
    }
  }
}

std::string Intake::OutOfTime(const Record& record, Timestamp now) const {
  const std::string time = FormatUtcMillis(record.time);
  if (record.time > now + kFuture) {
    return "time: " + time + " is in the future, it is " + FormatUtcMillis(now) +
           ": check the sender's clock";
  }
  const auto oldest = std::max(now - KnownIds::kWindow, ids_.horizon());
  if (record.time < oldest) {
    return "time: " + time + " is before " + FormatUtcMillis(oldest) +
           ": older records might have been booked before; a SpendCorrection books what is missing";
  }
  return "";
}

void Intake::Take(Submission& submission, Group& group) {
  auto& taken = submission.taken;
  taken.rejected = std::move(submission.decoded.rejected);
  for (std::size_t i = 0; i < submission.decoded.records.size(); ++i) {
    const auto& record = submission.decoded.records[i];
    std::string reason = OutOfTime(record, group.now);
    if (reason.empty() && ids_.full())
      reason = "id: more ids came in this hour than are kept; send it again in the next";
    if (!reason.empty()) {
      taken.rejected.push_back({submission.decoded.indices[i], record.id, std::move(reason)});
      continue;
    }
    const auto id = ids_.IdOf(record.ns, record.id);
    if (ids_.Insert(id, group.now)) {
      Book(record, id, group, taken);
    } else {
      ++taken.duplicate;
    }
  }
}

void Intake::Book(const Record& record, ledger::CallId id, Group& group, Taken& taken) {
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
    const auto [place, fresh] = group.places.try_emplace(
        std::pair(call.key, ledger::MinuteOf(call.at)), group.batch.increments.size());
    if (fresh) {
      group.batch.increments.push_back({call.key, call.at, amounts});
    } else {
      group.batch.increments[place->second].amounts += amounts;
    }
  }
  group.batch.newest_sample = std::max(group.batch.newest_sample.value_or(call.at), call.at);
  group.with.ids.push_back(id);
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
