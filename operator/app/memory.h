// Memory that only the start needed, given back.
#pragma once

namespace purser::app {

// Unmaps what the start touched of program and library code (clean file pages: what is used again
// is mapped in again, without disk), and returns freed heap to the system. Linux only; harmless at
// any time, a few ms.
void ReleaseStartUpMemory();

}  // namespace purser::app
