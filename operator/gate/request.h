// What an agent asks before it calls a model, and what it is answered.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "money/amounts.h"

namespace purser::gate {

// Another agent or model that could do it, and what that is expected to come to.
struct Choice {
  std::string agent = {};
  std::string model = {};
  Amounts estimate = {};
  bool operator==(const Choice&) const = default;
};

struct Request {
  std::string id = {};   // of what may become of it: unique for ever, made by whoever asks the gate
  std::string key = {};  // the client's: the same question again is the same question
  bool key_taken = false;  // see Reservation
  std::string ns = {};
  std::string agent = {};
  std::string task = {};                      // "": none
  std::string workflow = {};                  // likewise
  std::string model = {};                     // wanted; "": any
  Amounts estimate = {};                      // of one call, nothing negative
  Duration lives = std::chrono::minutes(10);  // so long after the answer the fact may take
  bool waits = false;                         // somebody stays for the answer
  // In order of preference; at most kMostChoices are looked at.
  std::vector<Choice> others = {};
};
inline constexpr std::size_t kMostChoices = 32;

enum class Decision { kAllow, kQueue, kRefuse };

struct Answer {
  Decision decision = Decision::kRefuse;
  std::string id = {};       // to settle or to cancel; of what waits: its place in the queue
  std::string model = {};    // to call: the one wanted, or a cheaper one under Downgrade
  Amounts reserved = {};     // Allow
  Timestamp expires = {};    // Allow: from then on it counts as spent at `reserved`
  std::size_t position = 0;  // Queue: 1 is the next of this agent
  std::optional<Duration> retry_after{};  // Queue; Refuse where it is known
  std::string budget = {};                // "namespace/name" that refuses, or is short
  std::optional<Timestamp> resets_at{};   // of that budget
  std::string reason = {};                // CamelCase
  std::string message = {};               // for people
  std::vector<Choice> alternatives{};     // Refuse: these would be allowed now
};

}  // namespace purser::gate
