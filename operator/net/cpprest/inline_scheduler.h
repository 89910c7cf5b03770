// Runs the library's tasks where they become ready instead of handing each to another thread.
#pragma once

#include <pplx/pplxinterface.h>

namespace purser::net {

// A request starts on its caller's thread, and what follows an answer runs on the thread that read
// it: four hand-overs to a sleeping thread fewer per request. No task of ours or the library's
// waits for another one, and every loop of the library passes through the socket's event loop, so
// that the stack stays flat.
class InlineScheduler final : public pplx::scheduler_interface {
 public:
  void schedule(pplx::TaskProc_t procedure, void* parameter) override { procedure(parameter); }
};

}  // namespace purser::net
