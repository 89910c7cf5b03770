#include "usage/records/known_ids.h"

#include <algorithm>
#include <bit>

namespace purser::usage::records {
namespace {

constexpr std::uint64_t kHourMask = 31;  // hours of a day and a bit, modulo 32
constexpr std::size_t kSmallest = 256;
// A part is looked through this often at least: later its oldest hours would be taken for newer.
constexpr std::int64_t kHoursBetween = 5;

std::int64_t HourOf(Timestamp time) {
  return std::chrono::floor<std::chrono::hours>(time).time_since_epoch().count();
}

// J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", 2012.
class Sip {
 public:
  explicit Sip(std::pair<std::uint64_t, std::uint64_t> key)
      : v0_(0x736f6d6570736575ULL ^ key.first),
        v1_(0x646f72616e646f6dULL ^ key.second),
        v2_(0x6c7967656e657261ULL ^ key.first),
        v3_(0x7465646279746573ULL ^ key.second) {}

  void Add(std::string_view bytes) {
    for (const char c : bytes) AddByte(static_cast<std::uint8_t>(c));
  }
  void AddByte(std::uint8_t byte) {
    word_ |= std::uint64_t{byte} << (8 * (length_ % 8));
    if (++length_ % 8 == 0) Word();
  }
  std::uint64_t Finish() {
    word_ |= length_ << 56;
    Word();
    v2_ ^= 0xff;
    for (int i = 0; i < 4; ++i) Round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void Word() {
    v3_ ^= word_;
    Round();
    Round();
    v0_ ^= word_;
    word_ = 0;
  }
  void Round() {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }
  std::uint64_t v0_, v1_, v2_, v3_;
  std::uint64_t word_ = 0;
  std::uint64_t length_ = 0;
};

std::size_t PlaceOf(std::uint64_t entry, std::size_t room) {
  return static_cast<std::size_t>(entry >> 5) & (room - 1);
}

// Room is a power of two that is never full.
void Put(std::vector<std::uint64_t>& slots, std::uint64_t entry) {
  std::size_t at = PlaceOf(entry, slots.size());
  while (slots[at] != 0) at = (at + 1) & (slots.size() - 1);
  slots[at] = entry;
}

bool SameId(std::uint64_t a, std::uint64_t b) { return a >> 5 == b >> 5; }

}  // namespace

KnownIds::KnownIds(std::pair<std::uint64_t, std::uint64_t> seed, std::size_t most)
    : seed_(seed), most_(most) {}

ledger::CallId KnownIds::IdOf(std::string_view ns, std::string_view id) const {
  Sip sip(seed_);
  sip.Add(ns);
  sip.AddByte(0);
  sip.Add(id);
  const auto hash = sip.Finish();
  return hash >> 5 == 0 ? hash | 32 : hash;  // nothing is stored as 0
}

bool KnownIds::Knows(ledger::CallId id) const {
  const auto& slots = shards_[id >> 58].slots;
  if (slots.empty()) return false;
  const std::size_t mask = slots.size() - 1;
  for (std::size_t at = PlaceOf(id, slots.size()); slots[at] != 0; at = (at + 1) & mask) {
    if (SameId(slots[at], id)) return true;
  }
  return false;
}

bool KnownIds::Insert(ledger::CallId id, Timestamp received) {
  auto& shard = shards_[id >> 58];
  if (shard.slots.empty()) shard.slots.assign(kSmallest, 0);
  std::size_t at = PlaceOf(id, shard.slots.size());
  for (; shard.slots[at] != 0; at = (at + 1) & (shard.slots.size() - 1)) {
    if (SameId(shard.slots[at], id)) return false;
  }
  const auto hour = HourOf(received);
  newest_hour_ = std::max(newest_hour_, hour);
  shard.slots[at] = (id & ~kHourMask) | (static_cast<std::uint64_t>(hour) & kHourMask);
  ++shard.used;
  ++size_;
  if (shard.used * 4 > shard.slots.size() * 3) Rebuild(shard, first_hour_, shard.slots.size() * 2);
  return true;
}

void KnownIds::Remove(ledger::CallId id) {
  auto& slots = shards_[id >> 58].slots;
  if (slots.empty()) return;
  const std::size_t mask = slots.size() - 1;
  std::size_t at = PlaceOf(id, slots.size());
  while (slots[at] != 0 && !SameId(slots[at], id)) at = (at + 1) & mask;
  if (slots[at] == 0) return;
  slots[at] = 0;
  --shards_[id >> 58].used;
  --size_;
  // Those that had found it in their way move up.
  for (std::size_t next = (at + 1) & mask; slots[next] != 0; next = (next + 1) & mask) {
    const auto entry = std::exchange(slots[next], 0);
    Put(slots, entry);
  }
}

void KnownIds::Rebuild(Shard& shard, std::int64_t first_hour, std::size_t room) {
  std::vector<std::uint64_t> fresh(room, 0);
  std::size_t used = 0;
  for (const auto entry : shard.slots) {
    if (entry == 0) continue;
    const auto age = (static_cast<std::uint64_t>(newest_hour_) - entry) & kHourMask;
    if (newest_hour_ - static_cast<std::int64_t>(age) < first_hour) continue;
    Put(fresh, entry);
    ++used;
  }
  size_ -= shard.used - used;
  shard.used = used;
  shard.slots.swap(fresh);
  shard.tidied = first_hour;
}

void KnownIds::Tidy(Timestamp now) {
  const auto kept_hours = std::chrono::duration_cast<std::chrono::hours>(kKeep).count();
  const auto hour = std::max(newest_hour_, HourOf(now));
  first_hour_ = std::max(first_hour_, hour - kept_hours);
  // Ages are told against the newest hour before: against this one they would begin again.
  for (auto& shard : shards_) {
    if (hour - newest_hour_ > kHoursBetween && !shard.slots.empty())
      Rebuild(shard, first_hour_, shard.slots.size());
  }
  newest_hour_ = hour;
  // Too many: an hour less is known, down to this one.
  if (size_ > most_ && first_hour_ < newest_hour_) {
    ++first_hour_;
    horizon_ = Timestamp(std::chrono::hours(first_hour_));
    for (auto& shard : shards_)
      Rebuild(shard, first_hour_, std::max(kSmallest, shard.slots.size()));
    return;
  }
  for (auto& shard : shards_) {
    if (shard.slots.empty() || shard.tidied >= first_hour_) continue;
    const bool stale = first_hour_ - shard.tidied > kHoursBetween;
    Rebuild(shard, first_hour_, shard.slots.size());
    if (!stale) return;
  }
}

}  // namespace purser::usage::records
