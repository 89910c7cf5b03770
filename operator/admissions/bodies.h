// The bodies of /v1/admissions and /v1/route as structs, and answers as JSON. No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "gate/request.h"
#include "gate/route.h"
#include "money/money.h"
#include "money/price.h"
#include "usage/pricing/price_book.h"

namespace purser::admissions {

// POST /v1/admissions.
struct Question {
  std::string key;
  std::string ns;  // "": the caller's own
  std::string agent, task, workflow, provider, model;
  std::optional<Money> estimate;
  std::optional<std::int64_t> input_tokens, max_output_tokens;
  Duration wait{};                            // up to kLongestWait
  Duration lives = std::chrono::minutes(10);  // expiresSeconds
};
inline constexpr Duration kLongestWait = std::chrono::seconds(300);

// POST /v1/admissions/{id}/settle: a record's fields.
struct Fact {
  std::optional<Money> cost;
  Tokens tokens;
  bool tokens_told = false;
  std::int64_t latency_ms = 0;
  bool failed = false;
  std::string provider, model;
  std::string id;  // of the call, as its record names it
};

// POST /v1/route.
struct RouteQuestion {
  std::string ns, task;
  std::vector<std::string> candidates;  // none: every agent of the namespace
  gate::RouteWish wish;
};

// Errors kInvalidArgument: "field: what is wrong, way out". A field that is not known is one.
Result<Question> ParseQuestion(std::string_view body);
Result<Fact> ParseFact(std::string_view body);
Result<RouteQuestion> ParseRouteQuestion(std::string_view body);

// What a call came to; where no cost is told, by the prices.
Amounts AmountsOf(const Fact& fact, const std::string& model, const usage::pricing::Prices& prices);

std::string ToJson(const gate::Answer& answer);
std::string ToJson(const gate::Route& route);
// Of an end: {"id", "costUSD", "settled": true}.
std::string EndedJson(const std::string& id, const Money& cost, std::string_view how);

}  // namespace purser::admissions
