// Signals and exceptions around the work of the process; each case is a process of its own.
#include "app/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <thread>

namespace purser::app {
namespace {

using Steady = std::chrono::steady_clock;

// Until `condition`, for ten seconds at most.
bool Becomes(const std::function<bool()>& condition) {
  const auto deadline = Steady::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (Steady::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

bool Send(int signal) {
  kill(getpid(), signal);
  return Becomes([signal] {
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, signal) == 0;  // somebody took it
  });
}

// The process's end: its exit code says how the work ended, its stderr why.
[[noreturn]] void EndWith(const std::function<Status(std::stop_token)>& work) {
  const auto done = RunUntilSignal(work);
  if (!done.ok()) std::fprintf(stderr, "%s\n", done.error().message().c_str());
  _exit(done.ok() ? 0 : 1);
}

Status Stopped(const std::stop_token& stop) {
  if (Becomes([&] { return stop.stop_requested(); })) return Ok();
  return Error(ErrorCode::kTimeout, "not asked to stop");
}

class SignalsTest : public testing::Test {
 protected:
  SignalsTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(SignalsTest, WorkThatEndsByItselfEndsTheWaiting) {
  EXPECT_EXIT(EndWith([](std::stop_token) { return Ok(); }), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(EndWith([](std::stop_token) { return Error(ErrorCode::kTimeout, "too late"); }),
              testing::ExitedWithCode(1), "too late");
}

TEST_F(SignalsTest, WhatIsThrownIsAnError) {
  EXPECT_EXIT(EndWith([](std::stop_token) -> Status { throw std::runtime_error("no such luck"); }),
              testing::ExitedWithCode(1), "ended by an unexpected error: no such luck");
  EXPECT_EXIT(EndWith([](std::stop_token) -> Status { throw 7; }), testing::ExitedWithCode(1),
              "ended by an unexpected error");
}

TEST_F(SignalsTest, AsksToStopAndEndsAtOnceWhenAskedTwice) {
  for (const int signal : {SIGTERM, SIGINT}) {
    EXPECT_EXIT(EndWith([signal](std::stop_token stop) {
                  Send(signal);
                  return Stopped(stop);
                }),
                testing::ExitedWithCode(0), "");
    EXPECT_EXIT(EndWith([signal](std::stop_token stop) {
                  Send(signal);
                  const auto stopped = Stopped(stop);
                  Send(signal);
                  return Becomes([] { return false; }) ? stopped : Ok();
                }),
                testing::ExitedWithCode(128 + signal), "");
  }
}

TEST_F(SignalsTest, ASignalOfSomebodyElseEndsNothing) {
  EXPECT_EXIT(EndWith([](std::stop_token stop) -> Status {
                if (!Send(SIGUSR1) || !Send(SIGUSR1))
                  return Error(ErrorCode::kTimeout, "nobody waits for signals");
                if (stop.stop_requested()) return Error(ErrorCode::kInternal, "stopped by it");
                Send(SIGTERM);
                return Stopped(stop);
              }),
              testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace purser::app
