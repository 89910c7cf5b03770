#include "kube/reflector.h"

#include <gtest/gtest.h>

namespace purser::kube {
namespace {

using Phase = ReflectorState::Phase;
constexpr std::chrono::seconds kWatchTimeout{300};

std::string Value(const Query& query, std::string_view name) {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return "-";
}

// What a step asks for, short: "list", "list from TOKEN", "watch from VERSION", "wait MS",
// "continue".
std::string Describe(const ReflectorStep& step) {
  std::string text;
  if (const auto* list = std::get_if<SendList>(&step.effect)) {
    EXPECT_EQ(Value(list->query, "limit"), "10000");
    EXPECT_EQ(Value(list->query, "resourceVersion"), "-");
    const auto token = Value(list->query, "continue");
    text = token == "-" ? "list" : "list from " + token;
    if (list->first_page) text += " anew";
  } else if (const auto* watch = std::get_if<SendWatch>(&step.effect)) {
    EXPECT_EQ(Value(watch->query, "allowWatchBookmarks"), "true");
    EXPECT_EQ(Value(watch->query, "timeoutSeconds"), "300");
    text = "watch from " + Value(watch->query, "resourceVersion");
  } else if (const auto* wait = std::get_if<Wait>(&step.effect)) {
    text = "wait " + std::to_string(wait->duration.count());
  } else {
    text = "continue";
  }
  return step.list_finished ? text + ", finished" : text;
}

const Error kDown(ErrorCode::kUnavailable, "down");
const Error kGone(ErrorCode::kExpired, "gone");
const Error kAhead(ErrorCode::kTimeout, "Too large resource version: 99, current: 5");

struct Script {
  const char* name;
  std::vector<std::pair<ReflectorInput, std::string>> steps;
};

class ReflectorTest : public testing::TestWithParam<Script> {};

TEST_P(ReflectorTest, Follows) {
  ReflectorState state;
  int number = 0;
  for (const auto& [input, want] : GetParam().steps) {
    auto step = Step(std::move(state), input, kWatchTimeout);
    EXPECT_EQ(Describe(step), want) << "step " << number;
    state = std::move(step.state);
    ++number;
  }
}

const Script kScripts[] = {
    {"ListsInPagesThenWatches",
     {{Started{}, "list anew"},
      {PageReceived{"10", "a"}, "list from a"},
      {PageReceived{"10", "b"}, "list from b"},
      {PageReceived{"10", ""}, "watch from 10, finished"},
      {EventReceived{"11"}, "continue"},
      {EventReceived{"12"}, "continue"},
      {WatchEnded{true, false}, "watch from 12"},
      {EventReceived{"20"}, "continue"},
      {WatchEnded{true, true}, "watch from 20"}}},
    {"BacksOffAndResumesTheList",
     {{Started{}, "list anew"},
      {RequestFailed{kDown}, "wait 800"},
      {WaitElapsed{}, "list anew"},
      {RequestFailed{kDown}, "wait 1600"},
      {WaitElapsed{}, "list anew"},
      {PageReceived{"10", "a"}, "list from a"},
      {RequestFailed{kDown}, "wait 3200"},
      {WaitElapsed{}, "list from a"},
      {PageReceived{"10", ""}, "watch from 10, finished"}}},
    {"AQuietWatchIsAGoodOne",
     {{Started{}, "list anew"},
      {RequestFailed{kDown}, "wait 800"},
      {PageReceived{"10", ""}, "watch from 10, finished"},
      {WatchEnded{false, false, true}, "watch from 10"},
      {WatchEnded{false, true, true}, "watch from 10"},
      {RequestFailed{kDown}, "wait 800"}}},
    {"A410AfterAWatchThatHeldIsAnsweredAtOnce",
     {{Started{}, "list anew"},
      {PageReceived{"10", ""}, "watch from 10, finished"},
      {ErrorReceived{410, "too old"}, "list anew"},
      {PageReceived{"11", ""}, "watch from 11, finished"},
      {WatchEnded{false, false, true}, "watch from 11"},
      {ErrorReceived{410, "too old"}, "list anew"},
      {PageReceived{"12", ""}, "watch from 12, finished"},
      {ErrorReceived{410, "too old", true}, "list anew"}}},
    {"A410LoopBacksOffWhateverEventsComeBetween",
     {{Started{}, "list anew"},
      {PageReceived{"10", ""}, "watch from 10, finished"},
      {EventReceived{"11"}, "continue"},
      {ErrorReceived{410, "too old"}, "list anew"},
      {PageReceived{"12", ""}, "watch from 12, finished"},
      {EventReceived{"13"}, "continue"},
      {ErrorReceived{410, "too old"}, "wait 1600"},
      {WaitElapsed{}, "list anew"},
      {PageReceived{"14", ""}, "watch from 14, finished"},
      {EventReceived{"15"}, "continue"},
      {ErrorReceived{410, "too old"}, "wait 3200"}}},
    {"BacksOffUpToHalfAMinute",
     {{Started{}, "list anew"},
      {RequestFailed{kDown}, "wait 800"},
      {RequestFailed{kDown}, "wait 1600"},
      {RequestFailed{kDown}, "wait 3200"},
      {RequestFailed{kDown}, "wait 6400"},
      {RequestFailed{kDown}, "wait 12800"},
      {RequestFailed{kDown}, "wait 25600"},
      {RequestFailed{kDown}, "wait 30000"},
      {RequestFailed{kDown}, "wait 30000"}}},
    {"ResumesTheWatchWhereItStood",
     {{Started{}, "list anew"},
      {PageReceived{"10", ""}, "watch from 10, finished"},
      {EventReceived{"15"}, "continue"},
      {WatchEnded{true, true}, "watch from 15"},
      {RequestFailed{kDown}, "wait 800"},
      {WaitElapsed{}, "watch from 15"},
      {EventReceived{"16"}, "continue"},
      {WatchEnded{true, true}, "watch from 16"},
      {RequestFailed{kDown}, "wait 800"}}},
    {"ListsAgainWhenTheVersionIsGone",
     {{Started{}, "list anew"},
      {PageReceived{"10", ""}, "watch from 10, finished"},
      {RequestFailed{kGone}, "list anew"},
      {PageReceived{"50", ""}, "watch from 50, finished"},
      {EventReceived{"51"}, "continue"},
      {ErrorReceived{410, "too old", true}, "list anew"},
      {PageReceived{"60", ""}, "watch from 60, finished"}}},
    {"AsksAServerThatAlwaysSaysGoneLessAndLess",
     {{Started{}, "list anew"},
      {PageReceived{"10", ""}, "watch from 10, finished"},
      {ErrorReceived{410, "too old"}, "list anew"},
      {PageReceived{"11", ""}, "watch from 11, finished"},
      {ErrorReceived{410, "too old"}, "wait 1600"},
      {WaitElapsed{}, "list anew"},
      {PageReceived{"12", ""}, "watch from 12, finished"},
      {ErrorReceived{410, "too old"}, "wait 3200"}}},
    {"BeginsTheListAnewWhenItsContinuationIsGone",
     {{Started{}, "list anew"},
      {PageReceived{"10", "a"}, "list from a"},
      {RequestFailed{kGone}, "list anew"},
      {RequestFailed{kGone}, "wait 1600"},
      {WaitElapsed{}, "list anew"}}},
    {"ListsAgainWhenTheServerIsBehind",
     {{Started{}, "list anew"},
      {PageReceived{"99", ""}, "watch from 99, finished"},
      {RequestFailed{kAhead}, "list anew"},
      {PageReceived{"5", ""}, "watch from 5, finished"}}},
    {"OtherErrorEventsOnlyWait",
     {{Started{}, "list anew"},
      {PageReceived{"10", ""}, "watch from 10, finished"},
      {EventReceived{"11"}, "continue"},
      {ErrorReceived{500, "etcd"}, "wait 800"},
      {WaitElapsed{}, "watch from 11"}}},
    {"DoesNotSpinOnWatchesWithoutEvents",
     {{Started{}, "list anew"},
      {PageReceived{"10", ""}, "watch from 10, finished"},
      {WatchEnded{false, false}, "wait 800"},
      {WaitElapsed{}, "watch from 10"},
      {WatchEnded{false, true}, "wait 1600"}}},
    {"KeepsItsPlaceOnAnEventWithoutVersion",
     {{Started{}, "list anew"},
      {PageReceived{"10", ""}, "watch from 10, finished"},
      {EventReceived{""}, "continue"},
      {WatchEnded{true, false}, "watch from 10"}}},
    {"RefusesAListWithoutVersion",
     {{Started{}, "list anew"}, {PageReceived{"", ""}, "wait 800"}, {WaitElapsed{}, "list anew"}}},
};

INSTANTIATE_TEST_SUITE_P(Scripts, ReflectorTest, testing::ValuesIn(kScripts),
                         [](const auto& script) { return std::string(script.param.name); });

}  // namespace
}  // namespace purser::kube
