// The gate before calls of models: what each may cost is reserved against every budget that covers
// it, and against the concurrency of its agent and pool, before it is made.
//
// For every row with a ceiling, after each Allow: booked + reserved <= ceiling. A fact above its
// estimate can pass a ceiling by so much as it is above, and nothing else can.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "gate/request.h"
#include "gate/reservation.h"
#include "gate/waiting.h"
#include "gate/world.h"

namespace purser::gate {

struct Bounds {
  std::size_t open = 200'000;  // reservations that count, of all namespaces
  std::size_t open_of_namespace = 50'000;
  std::size_t waiting = 20'000;
  std::size_t waiting_of_namespace = 5'000;
  std::size_t finished_of_namespace = 20'000;  // remembered for clients that ask again
  std::size_t tasks_of_namespace = 20'000;     // under way
};

// What the ledger is to book and to keep, so that a reservation may end.
struct Settlement {
  Reservation reservation = {};  // as it is to be kept
  Amounts book = {};             // signed: the fact, less the estimate if that was booked
  bool already = false;          // there is nothing to do: it was so before
};

struct Asked {
  Answer answer;
  std::vector<Answer> others;  // of some that waited, and no longer need to
};

// No I/O, no thread, no clock of its own. Not thread-safe: who uses it guards it. What is decided
// must be stored before it is answered, and taken back with Forget where it cannot be; what ends
// goes on counting until Done says that it is stored, so that a crash in between admits nothing
// twice.
class Gate {
 public:
  static constexpr Duration kLongestLife = std::chrono::hours(1);  // of a reservation
  static constexpr Duration kTaskIdle = std::chrono::hours(1);     // then its next call is new work
  static constexpr Duration kRemember = std::chrono::hours(24);    // what ended

  explicit Gate(Bounds bounds = {}) : bounds_(bounds) {}

  // The limits in force. Whoever waits and may now go is told by Serve.
  void Put(Row row);
  void RemoveRow(const std::string& id);
  void Put(Agent agent);
  void RemoveAgent(const std::string& ns, const std::string& name);
  void Put(Pool pool);
  void RemovePool(const std::string& ns, const std::string& name);

  // The same key of a namespace gets the same answer while that holds; refusals are decided anew.
  Asked Ask(Request request, Timestamp now, const Books& books);
  // Those of a namespace that wait and now are allowed or refused; after whatever changes limits,
  // books or reservations.
  std::vector<Answer> Serve(const std::string& ns, Timestamp now, const Books& books);
  // Nobody waits for the answer any more; its place is kept for a while.
  void Leave(const std::string& id, Timestamp now);
  // An Allow that could not be stored: as if it had never been.
  void Forget(const std::string& id);

  // kNotFound: no such reservation, or too long ago; kConflict: it ended otherwise before;
  // kUnavailable: its end is being stored, ask again. To be followed by Done or Failed.
  Result<Settlement> Settle(const std::string& id, const Amounts& fact, Timestamp now);
  // Its fact was booked as a record of the call: what ends it now and later books no fact.
  void Recorded(const std::string& id);
  Result<Settlement> Cancel(const std::string& id, Timestamp now);
  // Those whose time is over: their estimates are to be booked, then Done or Failed for each. Also
  // forgets what is too old to be asked for.
  std::vector<Settlement> Expire(Timestamp now);
  void Done(const std::string& id);
  void Failed(const std::string& id);

  // What was stored, after a restart: kOpen, kLapsed, kSettled or kCancelled.
  void Restore(Reservation reservation);

  const Reservation* Find(const std::string& id) const;
  // By its key; null: none, or one that waits.
  const Reservation* FindByKey(const std::string& ns, const std::string& key) const;
  const Row* FindRow(const std::string& id) const;
  const Agent* FindAgent(const std::string& ns, const std::string& name) const;
  Quantity Reserved(const std::string& row) const;
  std::int32_t InFlight(const std::string& ns, const std::string& agent) const;
  std::size_t OpenOf(const std::string& ns) const;
  const Waiting& waiting() const { return waiting_; }
  std::vector<std::string> Namespaces() const;  // where somebody waits or a call is under way

 private:
  using Place = std::pair<std::string, std::string>;  // namespace, and a name in it
  struct RowState {
    Row row;
    Quantity reserved;
  };
  struct Kept {
    Reservation reservation;
    Phase before = Phase::kOpen;  // of an end that is being stored
  };
  // What stands in a request's way.
  struct Verdict {
    enum class Kind { kAllow, kBusy, kShort, kNever };
    Kind kind = Kind::kAllow;
    std::string model;
    Amounts estimate;
    std::vector<std::string> rows;   // that cover it
    std::vector<std::string> wants;  // of those, that are short
    const Row* row = nullptr;        // that refuses, or is short
    std::string reason;
    std::string message;
  };

  template <typename Visit>
  void ForEachRow(const std::string& ns, const std::string& agent, const Visit& visit) const;
  static bool CoversKind(const Row& row, const std::string& model, const std::string& task,
                         const std::string& workflow);
  void IndexRow(const Row& row, bool add);
  Quantity CountedIn(const Reservation& reservation, const Row& row) const;
  void Count(const Reservation& reservation, int sign);
  void Recount(RowState& state);

  Verdict Judge(const Request& request, const Books& books) const;
  bool JudgeRow(const Request& request, const Row& row, Quantity reserved, const Books& books,
                Verdict& verdict) const;
  bool JudgeConcurrency(const Agent& agent, Verdict& verdict) const;
  static std::pair<std::string, Amounts> ModelFor(const Request& request, const Agent& agent);
  bool IsNew(const Request& request) const;

  std::vector<Answer> Pass(const std::string& ns, Timestamp now, const Books& books);
  std::optional<Answer> Known(const Request& request, const std::string& id) const;
  Answer Grant(const Request& request, const Verdict& verdict, Timestamp now);
  Answer Refusal(const Request& request, const Verdict& verdict, Timestamp now,
                 const Books& books) const;
  Answer Queued(const Request& request, const Verdict& verdict) const;
  static Answer AnswerOf(const Reservation& reservation);
  std::optional<Answer> Full(const Request& request) const;

  void Insert(Kept kept);
  void SetPhase(Kept& kept, Phase phase);
  void Drop(const std::string& id);
  void DropEnded(const std::string& id);
  void Touch(const std::string& ns, const std::string& task, Timestamp now);
  void Remember(const Reservation& reservation);

  struct Tasks {
    std::map<std::string, Timestamp> last;
    std::deque<std::pair<std::string, Timestamp>> order;
  };

  Bounds bounds_;
  std::map<std::string, RowState> rows_;
  std::map<std::string, std::set<std::string>> rows_of_namespace_;  // that cover all of it
  std::map<Place, std::set<std::string>> rows_of_agent_;
  std::map<Place, Agent> agents_;
  std::map<Place, Pool> pools_;

  std::map<std::string, Kept> reservations_;
  std::map<Place, std::string> keys_;                  // of reservations and tickets
  std::map<std::string, std::set<std::string>> live_;  // of a namespace: not ended
  std::size_t live_count_ = 0;
  std::set<std::pair<Timestamp, std::string>> by_expiry_;  // kOpen
  std::map<std::string, std::deque<std::pair<Timestamp, std::string>>> finished_;
  std::map<Place, std::int32_t> in_flight_;
  std::map<std::string, Tasks> tasks_;
  Waiting waiting_;
};

template <typename Visit>
void Gate::ForEachRow(const std::string& ns, const std::string& agent, const Visit& visit) const {
  if (const auto found = rows_of_namespace_.find(ns); found != rows_of_namespace_.end()) {
    for (const auto& id : found->second) visit(rows_.at(id));
  }
  if (const auto found = rows_of_agent_.find({ns, agent}); found != rows_of_agent_.end()) {
    for (const auto& id : found->second) visit(rows_.at(id));
  }
}

}  // namespace purser::gate
