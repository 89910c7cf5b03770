#include "kube/reflector.h"

#include <algorithm>

namespace purser::kube {
namespace {

constexpr int kMaxCountedFailures = 10;  // 0.8 s doubled so often is beyond the longest retry

ReflectorStep List(ReflectorState state) {
  const bool first = state.continue_token.empty();
  state.phase = ReflectorState::Phase::kListing;
  // Without a resourceVersion: the newest state, in pages; "0" would bring all objects at once.
  Query query{{"limit", std::to_string(state.page_limit)}};
  if (!state.continue_token.empty()) query.emplace_back("continue", state.continue_token);
  return {std::move(state), SendList{std::move(query), first}};
}

ReflectorStep Watch(ReflectorState state, std::chrono::seconds timeout) {
  state.phase = ReflectorState::Phase::kWatching;
  Query query{{"allowWatchBookmarks", "true"},
              {"resourceVersion", state.resource_version},
              {"timeoutSeconds", std::to_string(timeout.count())}};
  return {std::move(state), SendWatch{std::move(query)}};
}

ReflectorStep Resume(ReflectorState state, std::chrono::seconds timeout) {
  return state.resource_version.empty() ? List(std::move(state)) : Watch(std::move(state), timeout);
}

// Where we stood is gone: the next request is a list from its beginning.
void ForgetPosition(ReflectorState& state) {
  state.resource_version.clear();
  state.continue_token.clear();
}

ReflectorStep Retry(ReflectorState state, Error reason) {
  const auto longest = kLongestRetry;
  const Duration duration = std::min(longest, kFirstRetry * (1 << state.failures));
  state.failures = std::min(state.failures + 1, kMaxCountedFailures);
  state.phase = ReflectorState::Phase::kWaiting;
  return {std::move(state), kube::Wait{duration, std::move(reason)}};
}

// The version asked for is one this API server has not reached: it lost its tail, or another one
// answers.
bool IsVersionAhead(const Error& error) {
  return error.message().find("Too large resource version") != std::string::npos;
}

ReflectorStep Failed(ReflectorState state, const Error& error, std::chrono::seconds timeout) {
  if (error.code() == ErrorCode::kExpired || IsVersionAhead(error)) {
    ForgetPosition(state);
    // At once the first time. A server that keeps saying so is asked less and less often, whatever
    // events its watches bring before: a list costs more than they.
    state.failures = std::max(state.failures, state.expirations);
    state.expirations = std::min(state.expirations + 1, kMaxCountedFailures);
    if (state.failures == 0) {
      state.failures = 1;
      return Resume(std::move(state), timeout);
    }
  }
  return Retry(std::move(state), error);
}

class Stepper {
 public:
  Stepper(ReflectorState state, std::chrono::seconds timeout)
      : state_(std::move(state)), timeout_(timeout) {}

  ReflectorStep operator()(const Started&) {
    ForgetPosition(state_);
    return List(std::move(state_));
  }

  ReflectorStep operator()(const PageReceived& page) {
    // Only an event, or a watch that holds, proves that all is well again: a list alone must not
    // restart the backoff of a server whose every watch fails.
    state_.continue_token = page.continue_token;
    if (!page.continue_token.empty()) return List(std::move(state_));
    if (page.resource_version.empty()) {
      return Retry(std::move(state_),
                   Error(ErrorCode::kCorrupt, "the list has no resourceVersion"));
    }
    state_.resource_version = page.resource_version;
    auto step = Watch(std::move(state_), timeout_);
    step.list_finished = true;
    return step;
  }

  ReflectorStep operator()(const RequestFailed& failed) {
    return Failed(std::move(state_), failed.error, timeout_);
  }

  ReflectorStep operator()(const EventReceived& event) {
    state_.failures = 0;
    if (!event.resource_version.empty()) state_.resource_version = event.resource_version;
    return {std::move(state_), Continue{}};
  }

  ReflectorStep operator()(const ErrorReceived& error) {
    if (error.held) Held();
    const auto code = error.code == 410 ? ErrorCode::kExpired : ErrorCode::kUnavailable;
    return Failed(std::move(state_),
                  Error(code, "watch: " + std::to_string(error.code) + ": " + error.message),
                  timeout_);
  }

  ReflectorStep operator()(const WatchEnded& ended) {
    if (ended.held) Held();
    // The ordinary end, or a break after progress: go on from the last version.
    if (ended.saw_events || ended.held) return Resume(std::move(state_), timeout_);
    return Retry(
        std::move(state_),
        Error(ErrorCode::kUnavailable, ended.failed ? "the watch broke off at once"
                                                    : "the watch ended at once, without an event"));
  }

  ReflectorStep operator()(const WaitElapsed&) { return Resume(std::move(state_), timeout_); }

 private:
  void Held() { state_.failures = state_.expirations = 0; }

  ReflectorState state_;
  std::chrono::seconds timeout_;
};

}  // namespace

ReflectorStep Step(ReflectorState state, const ReflectorInput& input,
                   std::chrono::seconds watch_timeout) {
  return std::visit(Stepper(std::move(state), watch_timeout), input);
}

}  // namespace purser::kube
