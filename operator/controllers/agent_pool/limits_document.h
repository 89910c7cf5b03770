// The document in which a pool's limits are published, for agents and gateways
// that follow them.
#pragma once

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
std::string LimitsDocument(const Limits& limits, Timestamp issued_at);

// Whether two documents say the same: all but issuedAt. False when one is none
// of ours.
bool SameLimits(std::string_view held, std::string_view wanted);

// Whose limits a text holds; nothing: it is not a document of ours. Never fails
// on any text.
std::optional<std::string> PoolOfLimits(std::string_view text);

}  // namespace purser::controllers
