// One counter series of an answer: its labels, its samples, who it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/config.h"
#include "base/clock.h"
#include "ledger/store.h"
#include "money/money.h"

namespace purser::usage {

// Views into the answer.
struct Label {
  std::string_view name;
  std::string_view value;
};

struct Sample {
  Timestamp at;
  Money value;
};

struct Series {
  std::span<const Label> labels;    // sorted by name, unique
  std::span<const Sample> samples;  // ascending, each time once
};

// 128 bits of SHA-256 over source and labels: two series never share a cursor.
using ledger::SeriesId;

struct SeriesIdHash {
  std::size_t operator()(const SeriesId& id) const { return static_cast<std::size_t>(id.low); }
};

// Not thread-safe; no allocation once its buffer has grown.
class SeriesIdentifier {
 public:
  explicit SeriesIdentifier(std::string_view source);
  SeriesId Identify(std::span<const Label> labels);

 private:
  std::size_t prefix_;
  std::string buffer_;
};

// Which spend key a series books to.
struct Attribution {
  ledger::SpendKey key;
  bool unattributed = false;  // no namespace, or no agent
  bool shortened = false;     // a label was longer than the ledger keeps
};

// A missing label is "". A model, task or workflow longer than the ledger keeps is cut (at a
// character's start); a namespace or an agent that long is nobody's name and counts as missing. The
// money is booked in any case.
Attribution Attribute(const api::SourceConfig& source, std::span<const Label> labels);

// `agent_cost_usd_total{agent="x",…}`, printable and bounded, for messages.
std::string Describe(std::span<const Label> labels);

}  // namespace purser::usage
