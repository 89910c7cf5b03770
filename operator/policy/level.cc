#include "policy/level.h"

namespace purser::policy {

std::string_view ToString(Level level) {
  switch (level) {
    case Level::kNormal:
      return "Normal";
    case Level::kWarning:
      return "Warning";
    case Level::kThrottled:
      return "Throttled";
    case Level::kRefusingWork:
      return "RefusingWork";
    case Level::kStopped:
      return "Stopped";
  }
  return "Stopped";
}

}  // namespace purser::policy
