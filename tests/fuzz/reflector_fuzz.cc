// Sequences of what an API server may answer, through the state machine of list and watch: one byte
// an input. And versions, compared.
#include "kube/reflector.h"

#include "fuzz/target.h"
#include "kube/reflector_runner.h"

namespace purser::fuzz {
namespace {

using namespace kube;
using Phase = ReflectorState::Phase;

// `byte` chooses the input, and whether its texts are empty.
ReflectorInput InputOf(std::uint8_t byte) {
  const std::string version = (byte & 0x10) != 0 ? "" : std::to_string(byte);
  switch (byte & 0x07) {
    case 0:
      return Started{};
    case 1:
      return PageReceived{version, (byte & 0x20) != 0 ? "more" : ""};
    case 2:
      return RequestFailed{Error((byte & 0x20) != 0 ? ErrorCode::kExpired : ErrorCode::kUnavailable,
                                 (byte & 0x40) != 0 ? "Too large resource version: 9" : "down")};
    case 3:
      return EventReceived{version};
    case 4:
      return ErrorReceived{(byte & 0x20) != 0 ? 410 : 500, "gone"};
    case 5:
      return WatchEnded{(byte & 0x20) != 0, (byte & 0x40) != 0};
    default:
      return WaitElapsed{};
  }
}

std::string ValueOf(const Query& query, std::string_view name) {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

void CheckStep(const ReflectorStep& step) {
  Require(step.state.failures >= 0 && step.state.failures <= 10, "failures are bounded");
  if (const auto* wait = std::get_if<kube::Wait>(&step.effect)) {
    Require(wait->duration >= kFirstRetry && wait->duration <= kLongestRetry, "waits are bounded");
    Require(step.state.phase == Phase::kWaiting, "who waits is waiting");
  }
  if (const auto* watch = std::get_if<SendWatch>(&step.effect)) {
    Require(!ValueOf(watch->query, "resourceVersion").empty(), "a watch begins at a version");
    Require(ValueOf(watch->query, "resourceVersion") == step.state.resource_version,
            "a watch begins at the newest version seen");
  }
  if (const auto* list = std::get_if<SendList>(&step.effect)) {
    Require(list->first_page == ValueOf(list->query, "continue").empty(),
            "only a list without a token begins anew");
  }
  if (step.list_finished) {
    Require(!step.state.resource_version.empty(), "a finished list has a version");
    Require(std::holds_alternative<SendWatch>(step.effect), "after a list comes a watch");
  }
}

void CheckVersions(std::string_view left, std::string_view right) {
  Require(!(IsNewer(left, right) && IsNewer(right, left)), "only one of two is newer");
  Require(left.empty() || !IsNewer(left, left), "nothing is newer than itself");
}

}  // namespace
}  // namespace purser::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace purser;
  kube::ReflectorState state;
  for (std::size_t i = 0; i < size; ++i) {
    auto step = kube::Step(std::move(state), fuzz::InputOf(data[i]), std::chrono::seconds(300));
    fuzz::CheckStep(step);
    state = std::move(step.state);
  }
  const auto text = fuzz::TextOf(data, size);
  fuzz::CheckVersions(text.substr(0, size / 2), text.substr(size / 2));
  return 0;
}
