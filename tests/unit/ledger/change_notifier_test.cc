#include "ledger/change_notifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>

namespace purser::ledger {
namespace {

using ::testing::ElementsAre;
using Ids = std::vector<std::string>;

TEST(ChangeNotifier, TellsOnTheCallersThread) {
  ChangeNotifier notifier(false);
  notifier.Notify({"nobody listens"});
  std::vector<Ids> told;
  notifier.SetListener([&](const Ids& ids) { told.push_back(ids); });
  notifier.Notify({"b", "a"});
  notifier.Notify({});
  EXPECT_THAT(told, ElementsAre(ElementsAre("b", "a")));
}

TEST(ChangeNotifier, TellsTogetherWhatChangedWhileTheListenerWasBusy) {
  std::latch inside(1);
  std::latch go_on(1);
  std::latch second(1);
  std::vector<Ids> told;
  std::thread::id thread;
  ChangeNotifier notifier(true);
  notifier.SetListener([&](const Ids& ids) {
    told.push_back(ids);
    thread = std::this_thread::get_id();
    if (told.size() == 1) {
      inside.count_down();
      go_on.wait();
    } else {
      second.count_down();
    }
  });
  notifier.Notify({"a"});
  inside.wait();
  for (int i = 0; i < 100; ++i) notifier.Notify({"b", "a", "c"});
  go_on.count_down();
  second.wait();
  notifier.SetListener({});
  EXPECT_THAT(told, ElementsAre(ElementsAre("a"), ElementsAre("a", "b", "c")));
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST(ChangeNotifier, NoCallIsUnderWayOnceTheListenerIsTakenAway) {
  for (int round = 0; round < 200; ++round) {
    auto alive = std::make_unique<std::atomic<bool>>(true);
    ChangeNotifier notifier(true);
    notifier.SetListener([&alive](const Ids&) {
      std::this_thread::yield();
      EXPECT_TRUE(alive->load());
    });
    notifier.Notify({"a"});
    notifier.SetListener({});
    alive.reset();
    notifier.Notify({"b"});
  }
}

TEST(ChangeNotifier, AListenerMayReplaceItselfAndMayThrow) {
  std::latch done(1);
  ChangeNotifier notifier(true);
  notifier.SetListener([&](const Ids&) {
    notifier.SetListener([&](const Ids&) { done.count_down(); });
    notifier.Notify({"b"});
    throw std::runtime_error("a fault");
  });
  notifier.Notify({"a"});
  done.wait();
}

}  // namespace
}  // namespace purser::ledger
