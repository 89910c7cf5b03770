// Prices of models, as LiteLLM's public catalogue writes them: an object of models, each an object
// of fields such as input_cost_per_token.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "money/price.h"

namespace purser::usage::pricing {

enum class Tier { kStandard, kBatch, kFlex, kPriority };

// Prices of one model: input_cost_per_token, output_cost_per_token, cache_read_input_token_cost,
// cache_creation_input_token_cost, output_cost_per_reasoning_token; each also with
// _above_<N>k_tokens and with _batches, _flex or _priority behind.
class ModelPrices {
 public:
  // Of a request whose input is so many tokens (0: not known, as of a counter): above a step the
  // whole request has the step's prices. What a tier does not say is as the standard's; where tier
  // and step do not meet, the dearer of the two.
  TokenPrices At(Tier tier, std::int64_t input_tokens) const;

  enum Kind : std::uint8_t { kInput, kOutput, kCached, kCacheCreation, kReasoning };
  void Set(Kind kind, std::int64_t above_tokens, Tier tier, TokenPrice price);
  // Whether both input and output have a price; a price of 0 is one.
  bool complete() const;

 private:
  std::optional<TokenPrice> Find(Kind kind, Tier tier, std::int64_t above) const;
  std::map<std::pair<Kind, Tier>, std::map<std::int64_t, TokenPrice>> prices_;
  std::vector<std::int64_t> steps_;  // ascending, from 0
};

struct Catalogue {
  std::map<std::string, ModelPrices, std::less<>> models;
  std::string date;                   // "2026-11-27" where it says one
  std::vector<std::string> problems;  // of single models, which are left out; at most 10
};

// JSON, or YAML of the same shape. Fields that are no prices are ignored, and so are models
// without a price of tokens. Error kInvalidArgument: not of this shape, or larger than 8 MiB (YAML:
// 1 MiB).
Result<Catalogue> ParseCatalogue(std::string_view text);

// The one that is part of the program.
const Catalogue& BuiltinCatalogue();

}  // namespace purser::usage::pricing
