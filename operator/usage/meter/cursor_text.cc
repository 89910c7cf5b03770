#include "usage/meter/cursor_text.h"

#include <algorithm>
#include <charconv>

namespace purser::usage {
namespace {

constexpr std::string_view kVersion = "3";
// Does not know when the value changed; otherwise the same.
constexpr std::string_view kSecondVersion = "2";
constexpr std::string_view kFirstMeter = "v1:";
constexpr Seconds kLongAgo = 1;
// Five bits a letter, the sixth says that more follow. Printable: the store's column is text.
constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr unsigned kBits = 5;
constexpr unsigned kMore = 1u << kBits;

// Which fields follow the value.
enum Field : unsigned {
  kRooted = 1u << 0,
  kHandedOver = 1u << 1,
  kWriters = 1u << 2,
  kNotCounter = 1u << 3,
  kSuspect = 1u << 4,
  kTookOver = 1u << 5,
  kTop = 1u << 6,
  kSince = 1u << 7,  // written by versions before kSteps
  kTracks = 1u << 8,
  kStart = 1u << 9,
  kFell = 1u << 10,
  kDipped = 1u << 11,
  kCounts = 1u << 12,
  kLow = 1u << 13,
  kJumped = 1u << 14,
  kOnlyRose = 1u << 15,
  kSteps = 1u << 16,
  kClaims = 1u << 17,
  kUnsure = 1u << 18,
  kChanged = 1u << 19,  // not when it was last read
  kEnd = 1u << 20,
};

void Put(std::string& text, std::uint64_t number) {
  do {
    const auto low = static_cast<unsigned>(number & (kMore - 1));
    number >>= kBits;
    text += kLetters[number != 0 ? low | kMore : low];
  } while (number != 0);
}

// Small for what lies a little before or after.
std::uint64_t Fold(std::int64_t number) {
  return (static_cast<std::uint64_t>(number) << 1) ^ static_cast<std::uint64_t>(number >> 63);
}
std::int64_t Unfold(std::uint64_t number) {
  return static_cast<std::int64_t>(number >> 1) ^ -static_cast<std::int64_t>(number & 1);
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::uint64_t Take() {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 65; shift += kBits) {
      const auto letter = text_.empty() ? std::string_view::npos : kLetters.find(text_.front());
      if (letter == std::string_view::npos) break;
      text_.remove_prefix(1);
      const auto bits = static_cast<std::uint64_t>(letter & (kMore - 1));
      if (shift == 60 && bits > 15) break;
      number |= bits << shift;
      if ((letter & kMore) == 0) return number;
    }
    failed_ = true;
    return 0;
  }
  // An amount: not negative.
  std::int64_t TakeAmount() {
    const auto number = Take();
    if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      failed_ = true;
    return failed_ ? 0 : static_cast<std::int64_t>(number);
  }
  // A time, as far from `base` as it says.
  Seconds TakeTime(Seconds base) {
    const auto distance = Unfold(Take());
    constexpr std::int64_t kFar = std::numeric_limits<Seconds>::max();
    if (distance > kFar || distance < -kFar) failed_ = true;
    if (failed_) return 0;
    return static_cast<Seconds>(std::clamp<std::int64_t>(std::int64_t{base} - distance, 1, kFar));
  }
  std::uint8_t TakeSmall() {
    const auto number = Take();
    if (number > 255) failed_ = true;
    return static_cast<std::uint8_t>(number);
  }
  bool done() const { return !failed_ && text_.empty(); }

 private:
  std::string_view text_;
  bool failed_ = false;
};

void PutTime(std::string& text, Seconds base, Seconds time) {
  Put(text, Fold(std::int64_t{base} - std::int64_t{time}));
}

unsigned FieldsOf(const Identity& identity) {
  unsigned fields = 0;
  const auto add = [&fields](bool there, Field field) { fields |= there ? field : 0u; };
  add(identity.rooted, kRooted);
  add(identity.handed_over, kHandedOver);
  add(identity.writers, kWriters);
  add(identity.not_counter, kNotCounter);
  add(identity.suspect, kSuspect);
  add(identity.took_over, kTookOver);
  add(identity.top != Identity::kNone, kTop);
  add(identity.low != 0, kLow);
  add(identity.jumped, kJumped);
  add(identity.only_rose, kOnlyRose);
  add(identity.tracks().size() > 0, kTracks);
  if (identity.past) {
    add(!identity.past->steps.empty(), kSteps);
    add(!identity.past->claims.empty(), kClaims);
    add(identity.past->unsure != 0 || identity.past->missed != 0, kUnsure);
  }
  add(identity.start != 0, kStart);
  add(identity.changed != SecondsOf(identity.at()), kChanged);
  add(identity.fell != 0, kFell);
  add(identity.dipped != 0, kDipped);
  add(identity.changes != 0 || identity.falls != 0 || identity.returns != 0, kCounts);
  return fields;
}

std::optional<Identity> DecodeFirstMeter(std::string_view text) {
  Identity identity;
  const auto* end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, identity.value);
  if (problem != std::errc() || rest != end || identity.value < 0) return std::nullopt;
  identity.rooted = true;
  identity.changed = kLongAgo;
  return identity;
}

void PutPast(std::string& text, unsigned fields, Seconds base, const Past& past) {
  if (fields & kSteps) {
    Put(text, past.steps.size());
    for (const auto& step : past.steps) {
      PutTime(text, base, step.at);
      Put(text, (static_cast<std::uint64_t>(step.amount) << 1) | (step.fell ? 1u : 0u));
    }
  }
  if (fields & kClaims) {
    Put(text, past.claims.size());
    for (const auto& claim : past.claims) {
      Put(text, static_cast<std::uint64_t>(claim.of));
      PutTime(text, base, claim.at);
      Put(text, claim.ms);
      PutTime(text, base, claim.last);
      Put(text, static_cast<std::uint64_t>(claim.amount));
    }
  }
  if (fields & kUnsure) {
    Put(text, static_cast<std::uint64_t>(past.unsure));
    Put(text, static_cast<std::uint64_t>(past.missed));
  }
}

bool TakePast(Reader& reader, unsigned fields, Seconds base, Past& past) {
  if (fields & kSteps) {
    const auto count = reader.TakeSmall();
    if (count > Past::kMostSteps) return false;
    for (std::uint8_t i = 0; i < count; ++i) {
      const auto at = reader.TakeTime(base);
      const auto number = reader.Take();
      past.steps.push_back({at, static_cast<std::int64_t>(number >> 1), (number & 1) != 0});
    }
  }
  if (fields & kClaims) {
    const auto count = reader.TakeSmall();
    if (count > Past::kMostClaims) return false;
    for (std::uint8_t i = 0; i < count; ++i) {
      const auto of = reader.TakeSmall();
      if (of > static_cast<std::uint8_t>(Claim::Of::kProved)) return false;
      Claim claim;
      claim.of = static_cast<Claim::Of>(of);
      claim.at = reader.TakeTime(base);
      const auto ms = reader.Take();
      if (ms > 999) return false;
      claim.ms = static_cast<std::uint16_t>(ms);
      claim.last = reader.TakeTime(base);
      claim.amount = reader.TakeAmount();
      past.claims.push_back(claim);
    }
  }
  if (fields & kUnsure) {
    past.unsure = reader.TakeAmount();
    past.missed = reader.TakeAmount();
  }
  return true;
}

std::optional<Identity> DecodeFields(std::string_view text, Seconds base) {
  Reader reader(text);
  Identity identity;
  const auto told = reader.Take();
  if (told >= kEnd || (told & (kSince | kSteps)) == (kSince | kSteps)) return std::nullopt;
  const auto fields = static_cast<unsigned>(told);
  identity.value = reader.TakeAmount();
  identity.leader = static_cast<std::uint32_t>(reader.Take());
  identity.born = reader.TakeTime(base);
  const auto quantity = reader.TakeSmall();
  if (quantity > static_cast<std::uint8_t>(Quantity::kCacheCreationTokens)) return std::nullopt;
  identity.quantity = static_cast<Quantity>(quantity);
  identity.rooted = (fields & kRooted) != 0;
  identity.handed_over = (fields & kHandedOver) != 0;
  identity.writers = (fields & kWriters) != 0;
  identity.not_counter = (fields & kNotCounter) != 0;
  identity.suspect = (fields & kSuspect) != 0;
  identity.took_over = (fields & kTookOver) != 0;
  identity.jumped = (fields & kJumped) != 0;
  identity.only_rose = (fields & kOnlyRose) != 0;
  if (fields & kTop) identity.top = reader.TakeAmount();
  if (fields & kLow) identity.low = reader.TakeAmount();
  const auto since = fields & kSince ? reader.TakeAmount() : 0;
  if (fields & kTracks) {
    const auto count = reader.TakeSmall();
    if (count > Tracks::kMost) return std::nullopt;
    for (std::uint8_t i = 0; i < count; ++i) {
      const auto value = reader.TakeAmount();
      identity.ChangePast().tracks.Append(value, reader.TakeTime(base));
    }
  }
  if (fields & kStart) identity.start = reader.TakeTime(base);
  if (fields & kFell) identity.fell = reader.TakeTime(base);
  if (fields & kDipped) identity.dipped = reader.TakeTime(base);
  identity.changed = fields & kChanged ? reader.TakeTime(base) : base;
  if (fields & kCounts) {
    identity.changes = reader.TakeSmall();
    identity.falls = reader.TakeSmall();
    identity.returns = reader.TakeSmall();
  }
  if (since != 0) identity.ChangePast().AddStep({std::max<Seconds>(identity.fell, 1), since, true});
  if (fields & (kSteps | kClaims | kUnsure)) {
    if (!TakePast(reader, fields, base, identity.ChangePast())) return std::nullopt;
  }
  if (!reader.done()) return std::nullopt;
  return identity;
}

}  // namespace

std::string EncodeIdentity(const Identity& identity) {
  const Seconds base = SecondsOf(identity.at());
  const unsigned fields = FieldsOf(identity);
  std::string text(kVersion);
  Put(text, fields);
  Put(text, static_cast<std::uint64_t>(identity.value));
  Put(text, identity.leader);
  PutTime(text, base, identity.born);
  Put(text, static_cast<std::uint64_t>(identity.quantity));
  if (fields & kTop) Put(text, static_cast<std::uint64_t>(identity.top));
  if (fields & kLow) Put(text, static_cast<std::uint64_t>(identity.low));
  if (fields & kTracks) {
    const Tracks& tracks = identity.tracks();
    Put(text, tracks.size());
    for (std::size_t i = 0; i < tracks.size(); ++i) {
      Put(text, static_cast<std::uint64_t>(tracks.value(i)));
      PutTime(text, base, tracks.at(i));
    }
  }
  if (fields & kStart) PutTime(text, base, identity.start);
  if (fields & kFell) PutTime(text, base, identity.fell);
  if (fields & kDipped) PutTime(text, base, identity.dipped);
  if (fields & kChanged) PutTime(text, base, identity.changed);
  if (fields & kCounts) {
    Put(text, identity.changes);
    Put(text, identity.falls);
    Put(text, identity.returns);
  }
  if (identity.past) PutPast(text, fields, base, *identity.past);
  return text;
}

std::optional<Identity> DecodeIdentity(std::string_view text, Timestamp last_time) {
  std::optional<Identity> identity;
  if (text.starts_with(kFirstMeter)) {
    identity = DecodeFirstMeter(text.substr(kFirstMeter.size()));
    if (identity) identity->born = SecondsOf(last_time);
  } else if (text.starts_with(kVersion)) {
    identity = DecodeFields(text.substr(kVersion.size()), SecondsOf(last_time));
  } else if (text.starts_with(kSecondVersion)) {
    identity = DecodeFields(text.substr(kSecondVersion.size()), SecondsOf(last_time));
    if (identity) identity->changed = kLongAgo;
  }
  if (!identity) return std::nullopt;
  identity->time = last_time.time_since_epoch().count();
  identity->persisted = SecondsOf(last_time);
  return identity;
}

}  // namespace purser::usage
