#include "policy/level.h"

namespace purser::policy {

Level LevelOf(api::Action action) {
  switch (action) {
    case api::Action::kNotify:
      return Level::kWarning;
    case api::Action::kDowngrade:
      return Level::kDowngraded;
    case api::Action::kThrottle:
      return Level::kThrottled;
    case api::Action::kRefuseNewWork:
      return Level::kRefusingWork;
    case api::Action::kStop:
      return Level::kStopped;
  }
  return Level::kStopped;
}

std::string_view ToString(Level level) {
  switch (level) {
    case Level::kNormal:
      return "Normal";
    case Level::kWarning:
      return "Warning";
    case Level::kDowngraded:
      return "Downgraded";
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
