// From records to the ledger: judged, priced, booked once, and answered when they are durable.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/call_log.h"
#include "ledger/ledger.h"
#include "usage/pricing/price_book.h"
#include "usage/records/claims.h"
#include "usage/records/record.h"

namespace purser::usage::records {

// What became of the records of one request.
struct Taken {
  std::size_t accepted = 0;   // booked, held ones not among them
  std::size_t duplicate = 0;  // booked before
  std::size_t held = 0;       // in the journal, in doubt
  std::vector<Rejection> rejected;
};

struct IntakeLimits {
  Duration keep_calls_for = std::chrono::hours(7 * 24);
  std::int64_t most_calls = 1'000'000;
  std::size_t most_waiting = 100'000;  // records
};

// One that was booked just now; lives as long as the call that tells of it.
struct BookedRecord {
  const Record& record;
  Amounts amounts;
};

// Thread-safe. Commits on a thread of its own: all that waits in one transaction.
class Intake {
 public:
  static constexpr Duration kFuture = std::chrono::minutes(5);

  // All must outlive it.
  Intake(std::string source, ledger::Ledger& ledger, ledger::CallLog& log, Claims& claims,
         const pricing::PriceBook& prices, Clock& clock, IntakeLimits limits);
  ~Intake();
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  // `done` is called once, on the committing thread, when all is durable; not at all once the
  // intake ends. Its errors: kUnavailable and others of the ledger: nothing was booked, send it
  // again. False: too many wait; `done` is not called.
  using Done = std::function<void(Result<Taken>)>;
  bool Submit(Decoded decoded, Done done);

  // Called on the committing thread with what became durable, before anybody is answered; replaces
  // the one before, and waits for a call of that under way. Those held in doubt are not told.
  using Listener = std::function<void(std::span<const BookedRecord> records)>;
  void OnBooked(Listener listener);

 private:
  struct Submission {
    Decoded decoded;
    Done done;
    Taken taken;
  };
  struct Group;
  class Places;
  void Work(const std::stop_token& stop);
  void CommitGroup(std::vector<Submission>& submissions);
  void Take(Submission& submission, Group& group);
  // "": it is taken.
  static std::string OutOfTime(const Record& record, const Group& group);
  // Why it is not taken; "" and not `fresh`: it is booked already.
  std::string Claim(const Record& record, Group& group, bool& fresh);
  void Book(const Record& record, Group& group, Taken& taken);
  void Prune();

  const std::string source_;
  ledger::Ledger& ledger_;
  ledger::CallLog& log_;
  const pricing::PriceBook& prices_;
  Clock& clock_;
  const IntakeLimits limits_;
  Claims& claims_;
  std::mutex telling_;
  Listener listener_;
  mutable std::mutex mutex_;
  std::condition_variable_any came_;
  std::deque<Submission> waiting_;
  std::size_t waiting_records_ = 0;
  std::jthread thread_;
};

}  // namespace purser::usage::records
