// List and watch as a pure state machine: inputs are what the API server answered, effects what to
// do next. No I/O, no clock; Informer carries the effects out.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/clock.h"
#include "base/result.h"
#include "kube/client.h"

namespace purser::kube {

// Objects a page. API servers answer a first page from memory; for the pages behind it, once
// nothing in the list has changed for some minutes, they read and decode their store, five times as
// slowly.
inline constexpr int kPageLimit = 10'000;
inline constexpr Duration kFirstRetry{800};
inline constexpr Duration kLongestRetry{30'000};

struct ReflectorState {
  enum class Phase { kListing, kWatching, kWaiting };
  Phase phase = Phase::kListing;
  std::string resource_version;  // newest seen in list, event or bookmark; empty: list first
  std::string continue_token;    // of the page to ask for next
  int failures = 0;              // in a row, for the backoff
  int expirations = 0;           // 410s since a watch last held
  int page_limit = kPageLimit;
};

// Inputs.
struct Started {};
struct PageReceived {
  std::string resource_version;
  std::string continue_token;  // empty: the last page
};
struct RequestFailed {  // list or watch, before any event
  Error error;
};
struct EventReceived {  // ADDED, MODIFIED, DELETED or BOOKMARK
  std::string resource_version;
};
struct ErrorReceived {  // an ERROR event in the stream
  int code;             // of its Status
  std::string message;
  bool held = false;  // see WatchEnded
};
struct WatchEnded {  // after it had begun; an error is only a reason
  bool saw_events;
  bool failed;
  // Did it last so long that a server which ends each watch at once is not asked all the time? A
  // quiet watch that held is a good one.
  bool held = false;
};
struct WaitElapsed {};
using ReflectorInput = std::variant<Started, PageReceived, RequestFailed, EventReceived,
                                    ErrorReceived, WatchEnded, WaitElapsed>;

// Effects: at most one request or wait, and what the cache is told.
struct SendList {
  Query query;
  bool first_page;  // a new list begins: everything not in it will be gone
};
struct SendWatch {
  Query query;
};
struct Wait {
  Duration duration;  // without jitter: the caller adds up to half of it
  Error reason;
};
struct Continue {  // go on reading the stream
};
using ReflectorEffect = std::variant<SendList, SendWatch, Wait, Continue>;

struct ReflectorStep {
  ReflectorState state;
  ReflectorEffect effect;
  bool list_finished = false;  // the page just received was the last: drop what was not in the list
};

// `watch_timeout`: the server ends the watch after so long.
ReflectorStep Step(ReflectorState state, const ReflectorInput& input,
                   std::chrono::seconds watch_timeout);

}  // namespace purser::kube
