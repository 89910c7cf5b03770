// What the shell may complete, as kubectl asks plugins for it: an executable
// kubectl_complete-purser prints candidates, one a line, and a last line ":4" (no file names).
#pragma once

#include <string>
#include <vector>

#include "plugin/session.h"

namespace purser::plugin {

// `words`: what stands after "kubectl purser", the last one half-written or empty. Never fails:
// what cannot be asked for is not completed.
std::string Complete(Session& session, const std::vector<std::string>& words);

}  // namespace purser::plugin
