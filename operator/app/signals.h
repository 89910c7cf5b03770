// SIGTERM and SIGINT as a stop token.
#pragma once

#include <functional>
#include <stop_token>

#include "base/result.h"

namespace purser::app {

// Runs `work` in the calling thread with a stop token that SIGTERM and SIGINT request; a second
// signal ends the process at once. What `work` throws becomes an error, kInternal. To be called
// once, before any other thread is started: those signals stay blocked.
Status RunUntilSignal(const std::function<Status(std::stop_token)>& work);

}  // namespace purser::app
