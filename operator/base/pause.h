// Sleeping that ends when somebody asks to stop.
#pragma once

#include <chrono>
#include <stop_token>

namespace purser {

// Waits `duration` of real time (the steady clock; none when negative, at most a year), whatever an
// injected Clock says. False when `stop` is requested, before or meanwhile: at once. Thread-safe.
bool Pause(std::chrono::nanoseconds duration, const std::stop_token& stop);

}  // namespace purser
