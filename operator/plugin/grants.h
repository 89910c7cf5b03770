// Asking for more and correcting what was booked, and deciding about both. Asking and approving are
// two rights, and two people.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "plugin/session.h"

namespace purser::plugin {

struct TopUp {
  std::string budget;
  std::string amount;  // decimal, in the budget's unit
  bool set = false;    // instead of the limit, not on top of it
  std::string agent;   // "": whoever the budget is for
  std::string reason;
  std::string until;  // RFC 3339, or a duration from now; "": the next reset
};

struct Correction {
  std::string agent;
  std::string model;
  std::string source;  // "": default
  std::string amount;  // signed decimal, USD
  std::string at;      // RFC 3339; "": now
  // Or the decision about money held in doubt.
  std::optional<std::int64_t> doubt;
  bool accept = false;
  std::string reason;
};

// Each returns what to tell the person. Errors as Session's; kInvalidArgument names the flag.
Result<std::string> Ask(Session& session, const TopUp& asked, Timestamp now);
Result<std::string> Correct(Session& session, const Correction& asked, Timestamp now);

// `name`: NAME, override/NAME or correction/NAME. One that was decided before is kInvalidArgument.
Result<std::string> Approve(Session& session, const std::string& name, Timestamp now);
Result<std::string> Deny(Session& session, const std::string& name, const std::string& reason,
                         Timestamp now);

}  // namespace purser::plugin
