#include "usage/meter/cursor_text.h"

#include <algorithm>
#include <charconv>

namespace purser::usage {
namespace {

constexpr std::string_view kVersion = "2";
constexpr std::string_view kFirstMeter = "v1:";
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
  kSince = 1u << 7,
  kTracks = 1u << 8,
  kStart = 1u << 9,
  kFell = 1u << 10,
  kDipped = 1u << 11,
  kCounts = 1u << 12,
  kLow = 1u << 13,
  kJumped = 1u << 14,
  kOnlyRose = 1u << 15,
  kEnd = 1u << 16,
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
  add(identity.since != 0, kSince);
  add(identity.tracks.size() > 0, kTracks);
  add(identity.start != 0, kStart);
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
  return identity;
}

std::optional<Identity> DecodeFields(std::string_view text, Seconds base) {
  Reader reader(text);
  Identity identity;
  const auto fields = reader.Take();
  if (fields >= kEnd) return std::nullopt;
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
  if (fields & kSince) identity.since = reader.TakeAmount();
  if (fields & kTracks) {
    const auto count = reader.TakeSmall();
    if (count > Tracks::kMost) return std::nullopt;
    for (std::uint8_t i = 0; i < count; ++i) {
      const auto value = reader.TakeAmount();
      identity.tracks.Append(value, reader.TakeTime(base));
    }
  }
  if (fields & kStart) identity.start = reader.TakeTime(base);
  if (fields & kFell) identity.fell = reader.TakeTime(base);
  if (fields & kDipped) identity.dipped = reader.TakeTime(base);
  if (fields & kCounts) {
    identity.changes = reader.TakeSmall();
    identity.falls = reader.TakeSmall();
    identity.returns = reader.TakeSmall();
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
  if (fields & kSince) Put(text, static_cast<std::uint64_t>(identity.since));
  if (fields & kTracks) {
    Put(text, identity.tracks.size());
    for (std::size_t i = 0; i < identity.tracks.size(); ++i) {
      Put(text, static_cast<std::uint64_t>(identity.tracks.value(i)));
      PutTime(text, base, identity.tracks.at(i));
    }
  }
  if (fields & kStart) PutTime(text, base, identity.start);
  if (fields & kFell) PutTime(text, base, identity.fell);
  if (fields & kDipped) PutTime(text, base, identity.dipped);
  if (fields & kCounts) {
    Put(text, identity.changes);
    Put(text, identity.falls);
    Put(text, identity.returns);
  }
  return text;
}

std::optional<Identity> DecodeIdentity(std::string_view text, Timestamp last_time) {
  std::optional<Identity> identity;
  if (text.starts_with(kFirstMeter)) {
    identity = DecodeFirstMeter(text.substr(kFirstMeter.size()));
    if (identity) identity->born = SecondsOf(last_time);
  } else if (text.starts_with(kVersion)) {
    identity = DecodeFields(text.substr(kVersion.size()), SecondsOf(last_time));
  }
  if (!identity) return std::nullopt;
  identity->time = last_time.time_since_epoch().count();
  identity->persisted = SecondsOf(last_time);
  return identity;
}

}  // namespace purser::usage
