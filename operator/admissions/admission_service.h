// Calls that ask before they are made: the gate, what it is told, and what of it must be durable
// before anybody is answered.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "admissions/bodies.h"
#include "admissions/limits_feed.h"
#include "base/clock.h"
#include "base/result.h"
#include "controllers/agent_budget/evaluation.h"
#include "controllers/agent_pool/runaway_board.h"
#include "controllers/caches.h"
#include "gate/experience.h"
#include "gate/gate.h"
#include "http/router.h"
#include "ledger/call_log.h"
#include "ledger/ledger.h"
#include "ledger/store.h"
#include "usage/pricing/price_book.h"
#include "usage/records/claims.h"
#include "usage/records/intake.h"

namespace purser::admissions {

// Thread-safe. Answers never wait on the server's thread: what must be durable is committed by a
// thread of its own, all that waits in one transaction; another looks after those that wait.
class AdmissionService {
 public:
  struct Dependencies {
    controllers::Caches& caches;
    controllers::EvaluationBoard& board;
    ledger::Ledger& ledger;
    ledger::Store& store;
    ledger::CallLog& calls;
    usage::records::Claims& claims;  // of `source`
    // Hears of calls that were settled, once they are booked.
    controllers::RunawayBoard& runaways;
    const usage::pricing::PriceBook& prices;
    Clock& clock;
    // Where facts are booked: a source that takes call records and reads no meter.
    std::string source;
    // Whose budgets count that: `source`, or the one whose records it is.
    std::string counted_in;
    // Where a budget is of another source, its meter tells the spend: what ended goes on counting
    // until the meter was read so long after it.
    Duration meter_delay = std::chrono::seconds(45);
  };
  static constexpr std::size_t kMostTogether = 2'000;  // changes in one transaction
  static constexpr std::size_t kMostToStore = 50'000;
  static constexpr Duration kSyncEvery = std::chrono::milliseconds(20);
  static constexpr std::chrono::milliseconds kTick{50};

  // Reads what was kept, which waits for the disk. Error: the store's.
  static Result<std::unique_ptr<AdmissionService>> Start(Dependencies dependencies);
  ~AdmissionService();
  AdmissionService(const AdmissionService&) = delete;
  AdmissionService& operator=(const AdmissionService&) = delete;

  void Ask(const Question& question, const http::Reply& reply);
  // The namespace of an admission, for the caller's rights; "": none such.
  std::string NamespaceOf(const std::string& id) const;
  void Settle(const std::string& id, const Fact& fact, const http::Reply& reply);
  void Cancel(const std::string& id, const http::Reply& reply);
  gate::Route Route(const RouteQuestion& question);

  // Records of `source` that were booked: those of calls made under an admission end it.
  void Recorded(std::span<const usage::records::BookedRecord> records);

  // Reserved and not settled, of a namespace: for tests and figures.
  std::size_t OpenOf(const std::string& ns) const;

 private:
  enum class Kind { kAllow, kSettle, kCancel, kExpire };
  struct Change {
    Kind kind = Kind::kAllow;
    gate::Settlement settlement;  // of an Allow only the reservation
    std::vector<http::Reply> replies;
    std::string body;  // answered once it is durable
    // Of a kSettle:
    std::string call_id = {};
    std::string provider = {};
    bool later = false;  // a record of the same call is being stored: nothing is done now
  };
  struct ToldByRecord {
    std::string id;
    Amounts amounts;
  };
  struct Waiter {
    std::vector<http::Reply> replies;
    Timestamp until;
  };
  struct Held {
    std::string id;
    Timestamp ended;
    std::set<std::string> sources;
  };

  // For callbacks that may come when this is gone.
  struct Alive {
    std::mutex mutex;
    AdmissionService* service = nullptr;
  };

  explicit AdmissionService(Dependencies dependencies);
  gate::Answer AskGate(const Question& question, Timestamp now);
  void Gone(const std::string& id, const net::Exchange* reply);
  Status Load();
  void SyncNow(const std::string& ns, Timestamp now, bool always);
  void Deliver(gate::Answer answer, std::vector<http::Reply> replies);
  void DeliverAll(std::vector<gate::Answer> answers);
  void Push(Change change);
  void Commit(const std::stop_token& stop);
  void CommitGroup(std::vector<Change>& changes);
  void Finish(Change& change, const Status& committed);
  ledger::Batch BatchOf(const std::vector<Change>& changes) const;
  void ClaimCall(Change& change, usage::records::Claims::Group& claims, Timestamp now) const;
  // By which a record would have told its call.
  std::vector<ledger::CallId> NamesToldOf(const gate::Reservation& reservation) const;
  ledger::SpendKey KeyOf(const gate::Reservation& reservation) const;
  Status Store(std::vector<Change>& changes);
  void TellRunaways(const std::vector<ledger::Call>& calls, Timestamp now) const;
  std::vector<ledger::Call> CallsOf(const std::vector<Change>& changes, Timestamp now) const;
  const gate::Reservation* FindFor(const usage::records::Record& record) const;
  bool EndRecorded(const std::string& id, const Amounts& amounts, Timestamp now);
  void Look(const std::stop_token& stop);
  void LookOnce();
  void Learn(const gate::Reservation& reservation);

  const Dependencies on_;
  const std::shared_ptr<Alive> alive_ = std::make_shared<Alive>();
  mutable std::mutex mutex_;  // of all below; never held over the store
  std::condition_variable_any came_;
  gate::Gate gate_;
  LimitsFeed feed_;
  gate::Experiences seen_;
  std::map<std::string, Timestamp> synced_;
  std::map<std::string, Waiter> waiters_;
  std::deque<Change> to_store_;
  std::vector<Held> held_;
  std::vector<ToldByRecord> recorded_;  // whose reservations could not be ended yet
  std::string id_prefix_;
  std::uint64_t next_id_ = 1;
  // Last: they use all the others.
  std::jthread committer_;
  std::jthread looker_;
};

}  // namespace purser::admissions
