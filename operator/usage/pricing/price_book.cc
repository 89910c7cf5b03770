#include "usage/pricing/price_book.h"

#include <openssl/sha.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <utility>

#include "base/small_file.h"
#include "usage/pricing/model_names.h"

namespace purser::usage::pricing {
namespace {

constexpr std::size_t kLargestFile = std::size_t{8} << 20;
constexpr std::size_t kHashBytes = 4;

std::string HashOf(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string hash;
  for (std::size_t i = 0; i < kHashBytes; ++i) {
    std::array<char, 3> byte{};
    std::snprintf(byte.data(), byte.size(), "%02x", digest.at(i));
    hash += byte.data();
  }
  return hash;
}

std::string Version(const std::string& file, const std::optional<api::UnknownModelPrice>& unknown) {
  std::string version = "builtin-" + BuiltinCatalogue().date;
  if (!file.empty()) version += "+" + HashOf(file);
  if (unknown != api::PricesConfig().unknown_model) {
    version += "~" + (unknown ? unknown->input_per_million.ToDecimal() + "/" +
                                    unknown->output_per_million.ToDecimal()
                              : "none");
  }
  return version;
}

}  // namespace

Prices::Prices(std::shared_ptr<const Catalogue> file, std::string version,
               const std::optional<api::UnknownModelPrice>& unknown)
    : file_(std::move(file)), version_(std::move(version)) {
  if (unknown) {
    unknown_ = TokenPrices{.input = TokenPrice::PerMillion(unknown->input_per_million),
                           .output = TokenPrice::PerMillion(unknown->output_per_million),
                           .cached = {},
                           .cache_creation = {},
                           .reasoning = {}};
  }
}

Prices::Match Prices::Find(std::string_view provider, std::string_view model) const {
  for (const auto& name : CatalogueNames(provider, model)) {
    for (const auto* catalogue : {file_.get(), &BuiltinCatalogue()}) {
      if (catalogue == nullptr) continue;
      const auto found = catalogue->models.find(name);
      if (found != catalogue->models.end()) return {&found->second, found->first};
    }
  }
  return {};
}

Priced Prices::Price(std::string_view provider, std::string_view model, const Tokens& tokens,
                     Tier tier, bool of_one_request) const {
  Priced priced;
  if (const auto match = Find(provider, model); match.prices != nullptr) {
    priced.name = match.name;
    priced.cost = CostOf(tokens, match.prices->At(tier, of_one_request ? tokens.input : 0));
    return priced;
  }
  priced.known = false;
  priced.name = model;
  if (unknown_) priced.cost = CostOf(tokens, *unknown_);
  return priced;
}

PriceBook::PriceBook(api::PricesConfig config)
    : config_(std::move(config)),
      current_(std::make_shared<Prices>(nullptr, Version("", config_.unknown_model),
                                        config_.unknown_model)) {}

std::shared_ptr<const Prices> PriceBook::Current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

std::vector<std::string> PriceBook::problems() const {
  const std::lock_guard lock(mutex_);
  return problems_;
}

std::string PriceBook::file_problem() const {
  const std::lock_guard lock(mutex_);
  return file_problem_;
}

Status PriceBook::Refresh() {
  Status read = Read();
  const std::lock_guard lock(mutex_);
  file_problem_ = read.ok() ? "" : read.error().message();
  return read;
}

Status PriceBook::Read() {
  if (config_.file.empty()) return Ok();
  const auto failed = [&](ErrorCode code, const std::string& why) {
    return Error(code, "prices.file " + config_.file + ": " + why +
                           "; the prices read before stay in force");
  };
  struct stat status {};
  if (::stat(config_.file.c_str(), &status) != 0)
    return failed(ErrorCode::kNotFound, "cannot be found; check prices.file and its mount");
  const Stamp stamp{
      static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec,
      status.st_size, status.st_ino};
  {
    const std::lock_guard lock(mutex_);
    if (read_ == stamp) return Ok();
  }
  const auto text = ReadSmallFile(config_.file, kLargestFile);
  if (!text) return failed(text.error().code(), text.error().message());
  auto catalogue = ParseCatalogue(*text);
  if (!catalogue) return failed(ErrorCode::kInvalidArgument, catalogue.error().message());
  auto problems = catalogue->problems;
  auto prices =
      std::make_shared<Prices>(std::make_shared<const Catalogue>(std::move(*catalogue)),
                               Version(*text, config_.unknown_model), config_.unknown_model);
  const std::lock_guard lock(mutex_);
  read_ = stamp;
  current_ = std::move(prices);
  problems_ = std::move(problems);
  return Ok();
}

void Add(Tokens& tokens, Quantity quantity, std::int64_t value) {
  const auto add = [&](std::int64_t& sum) {
    std::int64_t next = 0;
    if (!__builtin_add_overflow(sum, value, &next)) sum = next;
  };
  switch (quantity) {
    case Quantity::kInputTokens:
      return add(tokens.input);
    case Quantity::kOutputTokens:
      return add(tokens.output);
    case Quantity::kCachedTokens:
      return add(tokens.cached);
    case Quantity::kCacheCreationTokens:
      return add(tokens.cache_creation);
    case Quantity::kReasoningTokens:
      return add(tokens.reasoning);
    case Quantity::kCost:
    case Quantity::kCalls:
    case Quantity::kFailedCalls:
    case Quantity::kLatency:
      return;
  }
}

}  // namespace purser::usage::pricing
