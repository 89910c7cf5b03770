// The prices in force: the configured file, before those that are part of the program, and an
// estimate for what neither knows.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "api/config.h"
#include "base/result.h"
#include "money/price.h"
#include "usage/meter/meter.h"
#include "usage/pricing/catalogue.h"

namespace purser::usage::pricing {

struct Priced {
  Money cost;
  // false: no catalogue has the model; `cost` is the configured estimate, or 0 without one. A model
  // whose price is 0 is known.
  bool known = true;
  std::string name;  // the model's, as in the catalogue; as asked for where it is not known
};

// Immutable: one state of the prices.
class Prices {
 public:
  Prices(std::shared_ptr<const Catalogue> file, std::string version,
         const std::optional<api::UnknownModelPrice>& unknown);

  // What tokens of a model cost. `of_one_request`: the tokens are those of a single request, so
  // that prices above a number of tokens apply; a counter's are not.
  Priced Price(std::string_view provider, std::string_view model, const Tokens& tokens,
               Tier tier = Tier::kStandard, bool of_one_request = false) const;

  // "builtin-2026-11-27", with "+" and 8 digits of the file's hash behind where there is one, and
  // "~20/80" where models without a price are estimated otherwise than by default: for the journal.
  const std::string& version() const { return version_; }
  bool has_estimate() const { return unknown_.has_value(); }

 private:
  struct Match {
    const ModelPrices* prices = nullptr;
    std::string_view name;
  };
  Match Find(std::string_view provider, std::string_view model) const;

  std::shared_ptr<const Catalogue> file_;  // may be null
  std::string version_;
  std::optional<TokenPrices> unknown_;
};

// Thread-safe.
class PriceBook {
 public:
  explicit PriceBook(api::PricesConfig config);

  std::shared_ptr<const Prices> Current() const;

  // Reads the file again if it changed; cheap otherwise. Error: it cannot be read or is no
  // catalogue: the prices before it (at first those of the program) stay in force. The message
  // names the file and the way out.
  Status Refresh();
  // Why the file is not in force as it is now; "" where it is, or none is configured.
  std::string file_problem() const;
  // Models of the file without a usable price, for people; of the last read.
  std::vector<std::string> problems() const;

 private:
  struct Stamp {
    std::int64_t modified_nanos = 0;
    std::int64_t size = 0;
    std::uint64_t inode = 0;
    bool operator==(const Stamp&) const = default;
  };
  Status Read();

  const api::PricesConfig config_;
  mutable std::mutex mutex_;
  std::optional<Stamp> read_;  // of the file when it was last read well
  std::shared_ptr<const Prices> current_;
  std::vector<std::string> problems_;
  std::string file_problem_;
};

// Adds to the kind that a quantity is; nothing for what counts no tokens.
void Add(Tokens& tokens, Quantity quantity, std::int64_t value);

}  // namespace purser::usage::pricing
