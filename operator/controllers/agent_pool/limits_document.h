// The document in which a pool's limits are published, for agents and gateways
// that follow them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/agent_pool.h"
#include "base/clock.h"

namespace purser::controllers {

struct PublishedAgent {
  std::string name;
  std::string state;
  std::int32_t concurrency = 0;
  std::int32_t band = 0;  // see policy/band.h
  std::string model{};    // that it should use; "": not told
  bool operator==(const PublishedAgent&) const = default;
};

struct Limits {
  std::string ns;
  std::string pool;
  std::string state;
  std::int32_t concurrency = 0;
  std::int32_t band = 0;
  std::string budget;                  // the strictest that asks something; empty: none
  std::optional<Timestamp> resets_at;  // its window's end
  std::vector<PublishedAgent> agents;
  bool operator==(const Limits&) const = default;
};

// The limits of a pool of which nothing is asked.
Limits UnlimitedLimits(const api::AgentPool& pool);

// {"version":1,"namespace":…,"pool":…,"state":…,"maxConcurrency":8,"band":80,"budget":…,
// "resetsAt":…,"issuedAt":…,"agents":{"researcher":{"state":…,"maxConcurrency":8,"band":80}}}
// resetsAt and budget are left out when no budget asks anything.
// With `valid_for` also "validUntil".
std::string LimitsDocument(const Limits& limits, Timestamp issued_at,
                           std::optional<Duration> valid_for = std::nullopt);

// What a text tells that is a document of ours.
struct HeldLimits {
  std::string pool;  // whose limits they are
  // Equal where documents say the same: all but issuedAt, and the time of validUntil, which both
  // have or neither.
  std::size_t digest = 0;
  std::optional<Timestamp> valid_until{};
  bool operator==(const HeldLimits&) const = default;
};

// Nothing: it is not a document of ours. Never fails on any text.
std::optional<HeldLimits> ReadLimits(std::string_view text);

}  // namespace purser::controllers
