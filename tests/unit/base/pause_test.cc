#include "base/pause.h"

#include <gtest/gtest.h>

#include <thread>

namespace purser {
namespace {

using namespace std::chrono_literals;

TEST(PauseTest, WaitsTheWholeTime) {
  const auto began = std::chrono::steady_clock::now();
  EXPECT_TRUE(Pause(20ms, {}));
  EXPECT_GE(std::chrono::steady_clock::now() - began, 20ms);
  EXPECT_TRUE(Pause(-1h, {}));
}

TEST(PauseTest, EndsWhenAskedToStop) {
  std::stop_source stop;
  const std::jthread stopper([&stop] {
    std::this_thread::sleep_for(10ms);
    stop.request_stop();
  });
  EXPECT_FALSE(Pause(1h, stop.get_token()));
  EXPECT_FALSE(Pause(1h, stop.get_token()));
}

}  // namespace
}  // namespace purser
