#include "usage/meter/identities.h"

#include <algorithm>

#include "usage/meter/cursor_text.h"

namespace purser::usage {
namespace {

// A cursor whose value stands still is written so often, for the store forgets the silent. Spread,
// so that not all are written at once.
constexpr Seconds kRefresh = 20 * 60;

bool WorthWriting(const Identity& before, const Identity& now, const ledger::SeriesId& id) {
  Identity same = before;
  same.time = now.time;
  if (!(same == now)) return true;
  const Seconds age = SecondsOf(now.at()) - std::min(now.persisted, SecondsOf(now.at()));
  return age >= kRefresh + static_cast<Seconds>(id.high % kRefresh);
}

}  // namespace

void Identities::Load(const ledger::SeriesCursor& cursor) {
  if (numbers_.contains(cursor.series)) return;
  const auto identity = DecodeIdentity(cursor.state, cursor.last_time);
  if (!identity) return;
  const auto number = static_cast<Number>(slots_.size());
  Grow();
  slots_.emplace_back();
  slots_.back().id = cursor.series;
  slots_.back().identity = *identity;
  numbers_.emplace(cursor.series, number);
}

Number Identities::Find(const ledger::SeriesId& id) const {
  const auto found = numbers_.find(id);
  return found == numbers_.end() ? kNobody : found->second;
}

// Half of what doubling would leave unused.
void Identities::Grow() {
  if (slots_.size() == slots_.capacity()) slots_.reserve(slots_.size() + slots_.size() / 4 + 16);
}

Number Identities::Make(const ledger::SeriesId& id) {
  const auto number = static_cast<Number>(slots_.size());
  Grow();
  slots_.emplace_back();
  Slot& slot = slots_.back();
  slot.id = id;
  slot.touched = answer_;
  slot.made = true;
  numbers_.emplace(id, number);
  before_.emplace_back(number, slot.identity);
  return number;
}

Identity& Identities::Touch(Number number) {
  Slot& slot = slots_[number];
  if (slot.touched != answer_) {
    slot.touched = answer_;
    slot.made = false;
    before_.emplace_back(number, slot.identity);
  }
  return slot.identity;
}

void Identities::Link(Number number) {
  Slot& slot = slots_[number];
  if (slot.key >= first_of_key_.size()) first_of_key_.resize(std::size_t{slot.key} + 1, kNobody);
  slot.next = first_of_key_[slot.key];
  first_of_key_[slot.key] = number;
}

void Identities::SetKey(Number number, std::uint32_t key, std::uint32_t client) {
  Slot& slot = slots_[number];
  slot.client = client;
  if (slot.has_key) return;
  slot.has_key = true;
  slot.key = key;
  Link(number);
  linked_.push_back(number);
}

std::vector<ledger::SeriesCursor> Identities::Moved() {
  std::vector<ledger::SeriesCursor> cursors;
  for (const auto& [number, before] : before_) {
    Slot& slot = slots_[number];
    Identity& now = slot.identity;
    if (!slot.made && !WorthWriting(before, now, slot.id)) continue;
    now.persisted = SecondsOf(now.at());
    cursors.push_back({slot.id, now.at(), EncodeIdentity(now)});
  }
  return cursors;
}

// What only an answer needs is as large as all identities: given back between two.
void Identities::Commit() {
  before_ = std::vector<std::pair<Number, Identity>>();
  linked_ = std::vector<Number>();
  ++answer_;
}

void Identities::Abandon() {
  for (auto number = linked_.rbegin(); number != linked_.rend(); ++number) {
    Slot& slot = slots_[*number];
    first_of_key_[slot.key] = slot.next;
    slot.has_key = false;
  }
  // Backwards: what was made last is the last of the slots.
  for (auto entry = before_.rbegin(); entry != before_.rend(); ++entry) {
    Slot& slot = slots_[entry->first];
    if (slot.made) {
      numbers_.erase(slot.id);
      slots_.pop_back();
    } else {
      slot.identity = entry->second;
    }
  }
  Commit();
}

void Identities::Forget(Timestamp before) {
  const auto time = before.time_since_epoch().count();
  const auto gone = [time](const Slot& slot) { return slot.identity.time < time; };
  if (std::none_of(slots_.begin(), slots_.end(), gone)) return;
  slots_.erase(std::remove_if(slots_.begin(), slots_.end(), gone), slots_.end());
  numbers_.clear();
  std::fill(first_of_key_.begin(), first_of_key_.end(), kNobody);
  for (Number number = 0; number < slots_.size(); ++number) {
    numbers_.emplace(slots_[number].id, number);
    if (slots_[number].has_key) Link(number);
  }
}

}  // namespace purser::usage
