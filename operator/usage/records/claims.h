// Who books a call. What comes from several sides (a record, the end of an admission) claims the
// names of the call before it books it: the first one books, the others find it booked.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/call_log.h"
#include "usage/records/known_ids.h"

namespace purser::usage::records {

// Of one source. Thread-safe; never held over the disk.
class Claims {
 public:
  enum class Found {
    kNew,
    kBooked,
    kBeingBooked,  // by a group whose outcome is not known yet
    kNoRoom,       // more came in this hour than are kept
  };

  // Reads the names of the last day, which waits for the disk. Errors: the log's.
  static Result<std::unique_ptr<Claims>> Load(const std::string& source, ledger::CallLog& log,
                                              Timestamp now, std::size_t most = 10'000'000);
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;

  // A record's id and an admission's key are names of one kind: who uses one for both means one
  // call.
  ledger::CallId IdOf(std::string_view ns, std::string_view name) const;
  // That an admission was settled, or that a record of a call made under it was booked. An attempt
  // that failed and one that did not are two calls of one admission.
  enum class Told { kSettled, kRecorded };
  ledger::CallId IdOf(std::string_view ns, std::string_view admission, Told told,
                      bool failed) const;
  // kNew: none of them is known.
  Found Look(std::span<const ledger::CallId> names) const;
  // Until none of them is being booked, or so long.
  void Wait(std::span<const ledger::CallId> names, Duration most) const;

  // Forgets what is old; with each commit.
  void Tidy(Timestamp now);
  // Names received before are not known.
  Timestamp horizon() const;
  std::size_t size() const;

  // What becomes durable together. Unless kept, its claims end with it. Not thread-safe.
  class Group {
   public:
    explicit Group(Claims& claims);
    ~Group();
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;

    // kNew: none of `names` and `others` was known; `names` and `marks` are from now on.
    struct Call {
      std::span<const ledger::CallId> names = {};   // its own
      std::span<const ledger::CallId> others = {};  // by which another side would have told it
      std::span<const ledger::CallId> marks = {};   // for those others
    };
    Found Claim(const Call& call, Timestamp received);
    const std::vector<ledger::CallId>& ids() const { return ids_; }
    // They are durable.
    void Keep();

   private:
    friend class Claims;
    void End(bool keep);
    Claims& claims_;
    std::vector<ledger::CallId> ids_;
    bool ended_ = false;
  };

 private:
  explicit Claims(KnownIds ids) : ids_(std::move(ids)) {}
  bool BeingBooked(ledger::CallId id, const Group* but) const;
  Found LookBut(std::span<const ledger::CallId> names, const Group* but) const;

  mutable std::mutex mutex_;
  mutable std::condition_variable ended_;
  KnownIds ids_;
  std::set<Group*> groups_;
};

}  // namespace purser::usage::records
