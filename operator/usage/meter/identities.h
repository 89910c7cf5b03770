// All identities of a source, as they were before an answer and as they are while it is taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ledger/store.h"
#include "usage/meter/identity.h"

namespace purser::usage {

// The number of an identity; valid until Forget, for one made in an answer until Abandon.
using Number = std::uint32_t;
inline constexpr Number kNobody = 0xffffffff;

class Identities {
 public:
  // Keeps what is known already: memory is newer than the store.
  void Load(const ledger::SeriesCursor& cursor);
  Number Find(const ledger::SeriesId& id) const;
  std::size_t size() const { return numbers_.size(); }

  const Identity& operator[](Number number) const { return slots_[number].identity; }
  const ledger::SeriesId& id(Number number) const { return slots_[number].id; }
  std::uint32_t key(Number number) const { return slots_[number].key; }
  std::uint32_t client(Number number) const { return slots_[number].client; }

  // New, within the answer.
  Number Make(const ledger::SeriesId& id);
  // To be changed, within the answer.
  Identity& Touch(Number number);
  // Whose spend it is: nothing of a loaded one is known until it is seen.
  void SetKey(Number number, std::uint32_t key, std::uint32_t client);
  // All whose key it is.
  template <typename Visit>
  void Each(std::uint32_t key, Visit visit) const {
    if (key >= first_of_key_.size()) return;
    for (Number n = first_of_key_[key]; n != kNobody; n = slots_[n].next) visit(n);
  }

  // Those that moved so far that a replay from what the store has would not come to the same.
  std::vector<ledger::SeriesCursor> Moved();
  void Commit();
  void Abandon();
  // Those without a sample since. Between answers.
  void Forget(Timestamp before);

 private:
  struct Slot {
    ledger::SeriesId id;
    Identity identity;
    std::uint32_t key = 0;
    std::uint32_t client = 0;
    Number next = kNobody;      // of the same key
    std::uint32_t touched = 0;  // in which answer
    bool has_key = false;
    bool made = false;  // in the answer that touched it
  };
  // The identities' own hash is as good as any.
  struct Hash {
    std::size_t operator()(const ledger::SeriesId& id) const {
      return static_cast<std::size_t>(id.low);
    }
  };
  void Grow();
  void Link(Number number);

  std::vector<Slot> slots_;
  std::unordered_map<ledger::SeriesId, Number, Hash> numbers_;
  std::vector<Number> first_of_key_;
  std::uint32_t answer_ = 1;
  std::vector<std::pair<Number, Identity>> before_;  // what was touched, as it was
  std::vector<Number> linked_;                       // in this answer
};

}  // namespace purser::usage
