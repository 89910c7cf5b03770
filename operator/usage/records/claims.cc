#include "usage/records/claims.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace purser::usage::records {

Result<std::unique_ptr<Claims>> Claims::Load(const std::string& source, ledger::CallLog& log,
                                             Timestamp now, std::size_t most) {
  const auto seed = log.IdSeed();
  if (!seed) return seed.error();
  KnownIds ids(*seed, most);
  PURSER_RETURN_IF_ERROR(log.ForEachId(source, now - KnownIds::kKeep, [&](auto id, auto received) {
    ids.Insert(id, std::min(received, now));
  }));
  ids.Tidy(now);
  return std::unique_ptr<Claims>(new Claims(std::move(ids)));
}

// Its key never changes.
ledger::CallId Claims::IdOf(std::string_view ns, std::string_view name) const {
  return ids_.IdOf(ns, name);
}

ledger::CallId Claims::IdOf(std::string_view ns, std::string_view admission, Told told,
                            bool failed) const {
  std::string name(admission);
  // No name that anybody sends holds such a character.
  name += told == Told::kSettled ? '\x01' : '\x02';
  name += failed ? '-' : '+';
  return ids_.IdOf(ns, name);
}

Claims::Found Claims::Look(std::span<const ledger::CallId> names) const {
  const std::lock_guard lock(mutex_);
  return LookBut(names, nullptr);
}

void Claims::Wait(std::span<const ledger::CallId> names, Duration most) const {
  std::unique_lock lock(mutex_);
  ended_.wait_for(lock, most, [&] { return LookBut(names, nullptr) != Found::kBeingBooked; });
}

void Claims::Tidy(Timestamp now) {
  const std::lock_guard lock(mutex_);
  ids_.Tidy(now);
}

Timestamp Claims::horizon() const {
  const std::lock_guard lock(mutex_);
  return ids_.horizon();
}

std::size_t Claims::size() const {
  const std::lock_guard lock(mutex_);
  return ids_.size();
}

// The methods down to LookBut are called with mutex_ held.

bool Claims::BeingBooked(ledger::CallId id, const Group* but) const {
  return std::ranges::any_of(groups_, [&](const Group* group) {
    return group != but && std::ranges::find(group->ids_, id) != group->ids_.end();
  });
}

Claims::Found Claims::LookBut(std::span<const ledger::CallId> names, const Group* but) const {
  auto found = Found::kNew;
  for (const auto id : names) {
    if (!ids_.Knows(id)) continue;
    if (BeingBooked(id, but)) return Found::kBeingBooked;
    found = Found::kBooked;
  }
  return found;
}

Claims::Group::Group(Claims& claims) : claims_(claims) {
  const std::lock_guard lock(claims_.mutex_);
  claims_.groups_.insert(this);
}

Claims::Group::~Group() { End(false); }

void Claims::Group::Keep() { End(true); }

void Claims::Group::End(bool keep) {
  if (std::exchange(ended_, true)) return;
  {
    const std::lock_guard lock(claims_.mutex_);
    claims_.groups_.erase(this);
    if (!keep) {
      for (const auto id : ids_) claims_.ids_.Remove(id);
    }
  }
  claims_.ended_.notify_all();
}

Claims::Found Claims::Group::Claim(const Call& call, Timestamp received) {
  const std::lock_guard lock(claims_.mutex_);
  for (const auto& known : {call.names, call.others}) {
    if (const auto found = claims_.LookBut(known, this); found != Found::kNew) return found;
  }
  if (claims_.ids_.full()) return Found::kNoRoom;
  for (const auto& put : {call.names, call.marks}) {
    for (const auto id : put) {
      if (claims_.ids_.Insert(id, received)) ids_.push_back(id);
    }
  }
  return Found::kNew;
}

}  // namespace purser::usage::records
