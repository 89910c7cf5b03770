#include "usage/pricing/catalogue.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "api/yaml_document.h"

namespace purser::usage::pricing {
namespace {

constexpr std::size_t kLargest = std::size_t{8} << 20;
constexpr std::size_t kMostProblems = 10;
constexpr std::string_view kAbout = "purser_catalogue";  // of the catalogue itself, no model
constexpr std::string_view kSample = "sample_spec";      // LiteLLM's description of the fields

struct FieldName {
  ModelPrices::Kind kind = ModelPrices::kInput;
  std::int64_t above = 0;
  Tier tier = Tier::kStandard;
};

bool Skip(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<FieldName> ParseFieldName(std::string_view text) {
  FieldName field;
  if (Skip(text, "input_cost_per_token")) {
    field.kind = ModelPrices::kInput;
  } else if (Skip(text, "output_cost_per_token")) {
    field.kind = ModelPrices::kOutput;
  } else if (Skip(text, "cache_read_input_token_cost")) {
    field.kind = ModelPrices::kCached;
  } else if (Skip(text, "cache_creation_input_token_cost")) {
    field.kind = ModelPrices::kCacheCreation;
  } else if (Skip(text, "output_cost_per_reasoning_token")) {
    field.kind = ModelPrices::kReasoning;
  } else {
    return std::nullopt;
  }
  if (Skip(text, "_above_")) {
    std::int64_t thousands = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), thousands);
    if (error != std::errc() || thousands <= 0 || thousands > 1'000'000) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!Skip(text, "k_tokens")) return std::nullopt;
    field.above = thousands * 1000;
  }
  if (Skip(text, "_batches")) {
    field.tier = Tier::kBatch;
  } else if (Skip(text, "_flex")) {
    field.tier = Tier::kFlex;
  } else if (Skip(text, "_priority")) {
    field.tier = Tier::kPriority;
  }
  return text.empty() ? std::optional(field) : std::nullopt;
}

// Takes fields as they come, whatever the text was.
class Builder {
 public:
  void BeginModel(std::string_view name) {
    EndModel();
    name_ = name;
  }
  void Field(std::string_view name, std::string_view literal) {
    if (name_ == kAbout) {
      if (name == "date") catalogue.date = literal;
      return;
    }
    const auto field = ParseFieldName(name);
    if (!field || bad_) return;
    const auto price = TokenPrice::Parse(literal);
    if (price.ok()) {
      prices_.Set(field->kind, field->above, field->tier, *price);
    } else {
      bad_ = true;
      if (catalogue.problems.size() < kMostProblems) {
        catalogue.problems.push_back(name_.substr(0, 100) + "." + std::string(name) + " is " +
                                     price.error().message() + "; the model has no price");
      }
    }
  }
  void EndModel() {
    if (!bad_ && prices_.complete() && name_ != kSample)
      catalogue.models.insert_or_assign(std::move(name_), std::move(prices_));
    name_.clear();
    prices_ = {};
    bad_ = false;
  }

  Catalogue catalogue;

 private:
  std::string name_;
  ModelPrices prices_;
  bool bad_ = false;
};

// Numbers as they are written: no price passes through double.
class Events final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Events(Builder& builder) : builder_(builder) {}
  bool objects_alone = true;  // the root and its members are objects

  bool null() override { return Scalar({}); }
  bool boolean(bool) override { return Scalar({}); }
  bool number_integer(number_integer_t value) override { return Scalar(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return Scalar(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) override { return Scalar(text); }
  bool string(string_t& text) override { return Scalar(text); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override {
    if (++depth_ == 2) builder_.BeginModel(key_);
    return true;
  }
  bool end_object() override {
    if (depth_-- == 2) builder_.EndModel();
    return true;
  }
  bool start_array(std::size_t) override {
    if (depth_ < 2) objects_alone = false;
    ++depth_;
    return objects_alone;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool key(string_t& text) override {
    if (depth_ <= 2) key_ = text;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& e) override {
    error = e.what();
    return false;
  }
  std::string error;

 private:
  bool Scalar(const std::string& text) {
    if (depth_ < 2) objects_alone = false;
    if (depth_ == 2 && !text.empty()) builder_.Field(key_, text);
    return objects_alone;
  }
  Builder& builder_;
  std::size_t depth_ = 0;
  std::string key_;
};

constexpr std::string_view kShape =
    "want an object of models, each with prices such as {\"gpt-4o\": {\"input_cost_per_token\": "
    "2.5e-06, \"output_cost_per_token\": 1e-05}}";

Error Refused(const std::string& why) { return Error(ErrorCode::kInvalidArgument, why); }

Result<Catalogue> FromJson(std::string_view text) {
  Builder builder;
  Events events(builder);
  const bool read = nlohmann::json::sax_parse(text.begin(), text.end(), &events);
  if (!events.objects_alone) return Refused(std::string(kShape));
  if (!read) return Refused("not JSON: " + events.error.substr(0, 200));
  return std::move(builder.catalogue);
}

Result<Catalogue> FromYaml(std::string_view text) {
  const auto yaml = api::ParseYaml(text);
  if (!yaml.errors.empty()) {
    return Refused("line " + std::to_string(yaml.errors.front().place.line) + ": " +
                   yaml.errors.front().message);
  }
  if (yaml.documents.size() != 1 || yaml.documents[0].kind != api::YamlNode::Kind::kMap)
    return Refused(std::string(kShape));
  Builder builder;
  for (const auto& model : yaml.documents[0].entries) {
    if (model.value.kind != api::YamlNode::Kind::kMap) return Refused(std::string(kShape));
    builder.BeginModel(model.key);
    for (const auto& field : model.value.entries) builder.Field(field.key, field.value.text);
    builder.EndModel();
  }
  return std::move(builder.catalogue);
}

}  // namespace

void ModelPrices::Set(Kind kind, std::int64_t above_tokens, Tier tier, TokenPrice price) {
  prices_[{kind, tier}][above_tokens] = price;
  const auto at = std::lower_bound(steps_.begin(), steps_.end(), above_tokens);
  if (at == steps_.end() || *at != above_tokens) steps_.insert(at, above_tokens);
}

bool ModelPrices::complete() const {
  return Find(kInput, Tier::kStandard, 0) && Find(kOutput, Tier::kStandard, 0);
}

// At just this step.
std::optional<TokenPrice> ModelPrices::Find(Kind kind, Tier tier, std::int64_t above) const {
  const auto prices = prices_.find({kind, tier});
  if (prices == prices_.end()) return std::nullopt;
  const auto price = prices->second.find(above);
  return price == prices->second.end() ? std::nullopt : std::optional(price->second);
}

TokenPrices ModelPrices::At(Tier tier, std::int64_t input_tokens) const {
  const auto price = [&](Kind kind) -> std::optional<TokenPrice> {
    // The dearest applicable: steps only ever raise prices.
    std::optional<TokenPrice> chosen = Find(kind, tier, 0);
    if (!chosen) chosen = Find(kind, Tier::kStandard, 0);
    for (const auto step : steps_) {
      if (step == 0 || input_tokens <= step) continue;
      if (const auto exact = Find(kind, tier, step)) {
        chosen = exact;
      } else if (const auto standard = Find(kind, Tier::kStandard, step)) {
        chosen = chosen ? std::max(*chosen, *standard) : *standard;
      }
    }
    return chosen;
  };
  return {.input = price(kInput).value_or(TokenPrice()),
          .output = price(kOutput).value_or(TokenPrice()),
          .cached = price(kCached),
          .cache_creation = price(kCacheCreation),
          .reasoning = price(kReasoning)};
}

Result<Catalogue> ParseCatalogue(std::string_view text) {
  if (text.size() > kLargest) return Refused("is larger than 8 MiB");
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return Refused("is empty; " + std::string(kShape));
  return text[first] == '{' ? FromJson(text) : FromYaml(text);
}

}  // namespace purser::usage::pricing
