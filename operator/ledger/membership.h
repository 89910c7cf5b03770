// Which agent was in which pool, when: spend stays with the pool in which it was spent.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace purser::ledger {

// Minutes since 1970, as spend is kept.
inline constexpr std::int64_t kEver = 0;
inline constexpr std::int64_t kStill = std::numeric_limits<std::int64_t>::max();

// In [since, until).
struct Membership {
  std::string ns;
  std::string agent;
  std::string pool;
  std::int64_t since = kEver;
  std::int64_t until = kStill;
  // What ran under the agent's name, last: the same under another name is the same agent, renamed.
  // "": not known, or several.
  std::string workload = {};
  auto operator<=>(const Membership&) const = default;
};

// An agent of a pool as it is now.
struct Member {
  Member(std::string name, std::string runs = {})  // NOLINT(google-explicit-constructor)
      : agent(std::move(name)), workload(std::move(runs)) {}
  Member(const char* name) : agent(name) {}  // NOLINT(google-explicit-constructor)
  std::string agent;
  std::string workload;  // as Membership's
  auto operator<=>(const Member&) const = default;
};

// A pool as it is now.
struct PoolMembers {
  std::string ns;
  std::string pool;
  std::vector<Member> agents;  // in any order; none: also of a pool that is gone
  bool known = true;           // false: nothing is known of it at present, all stays as it was
};

// Whether there are no pools but those that are told.
enum class Told { kThese, kAll };

// So many ended memberships of a namespace are kept; of more, those that ended first are dropped.
inline constexpr std::size_t kMostEnded = 10'000;

// Not thread-safe: the ledger guards it.
class Memberships {
 public:
  explicit Memberships(std::vector<Membership> known = {});

  // What has to be written down so that these pools have these members from the next minute on:
  // memberships that begin, and those that end (the same with an `until`) or have another workload.
  // Who joins has been a member since somebody's membership of him ended, or ever: what nobody
  // claimed belongs to the pool that claims the agent next. Of one that is a member elsewhere
  // still, since the next minute, unless that pool claimed him within the last minute, too: then
  // both claim the same.
  std::vector<Membership> Changes(const std::vector<PoolMembers>& pools, Told told,
                                  Timestamp now) const;

  // Takes changes over, made at `now` (nothing: known before). Returns what is to be dropped, as
  // there are too many.
  std::vector<Membership> Apply(const std::vector<Membership>& changes,
                                std::optional<Timestamp> now = std::nullopt);

  // Of one pool, sorted by agent and time.
  std::vector<Membership> Of(const std::string& ns, const std::string& pool) const;

 private:
  struct Stay {
    std::int64_t until = kStill;
    std::string workload;
  };
  using Intervals = std::map<std::int64_t, Stay>;     // by since
  using Place = std::pair<std::string, std::string>;  // namespace, and pool or agent

  // The last minute of any membership of the agent; kStill: of one that lasts.
  std::int64_t LastOf(const Place& agent) const;
  // From when on somebody claimed the agent within the last minute.
  std::optional<std::int64_t> ClaimOf(const Place& agent, std::int64_t next) const;
  void KeepClaim(const Membership& one, std::int64_t next);
  Membership Join(const PoolMembers& pool, const Member& member, std::int64_t next,
                  bool moves) const;
  std::vector<Membership> DropOldest(const std::string& ns);

  std::map<Place, std::map<std::string, Intervals>> by_pool_;  // and agent
  std::map<Place, std::map<std::string, std::int64_t>> last_;  // by agent, and pool: its last end
  std::map<std::string, std::size_t> ended_;                   // by namespace
  // Who was claimed in the newest minute of any claim, and in the one before: from when on.
  std::int64_t claims_minute_ = kEver;
  std::map<Place, std::int64_t> claims_;
  std::map<Place, std::int64_t> claims_before_;
};

}  // namespace purser::ledger
