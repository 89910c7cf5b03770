#include "usage/prometheus/answer.h"

#include <simdjson.h>

#include <algorithm>

#include "base/list_splitter.h"
#include "money/money.h"

namespace purser::usage {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::size_t kMostLabels = 128;
constexpr std::size_t kMostWarnings = 10;
constexpr std::size_t kQuoted = 200;
constexpr std::size_t kLongestSeries = 16 << 20;
constexpr std::int64_t kLatestSecond = 253'402'300'799;  // of the year 9999

Problem Bad(std::string_view what) {
  return {reason::kBadAnswer,
          "not an answer of Prometheus' API: " + std::string(what) +
              "; check what answers at sources[].prometheus.url",
          ErrorCode::kCorrupt};
}

std::string TextOf(simdjson::error_code code) {
  std::string text = simdjson::error_message(code);
  if (!text.empty() && text.back() == '.') text.pop_back();
  return text;
}

std::string_view TrimRight(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' ||
                           text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

// What makes a series unreadable as money, or breaks the API's own promises.
struct Trouble {
  std::string what;
  bool broken = false;  // the answer is none of this API
};
using Verdict = std::optional<Trouble>;

Verdict Broken(std::string what) { return Trouble{std::move(what), true}; }
Verdict Broken(simdjson::error_code code) { return Broken(TextOf(code)); }
Verdict Odd(std::string what) { return Trouble{std::move(what), false}; }

}  // namespace

std::optional<Timestamp> ParseSeconds(std::string_view text) {
  std::int64_t seconds = 0;
  std::size_t i = 0;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
    seconds = seconds * 10 + (text[i] - '0');
    if (seconds > kLatestSecond) return std::nullopt;
  }
  if (i == 0) return std::nullopt;
  std::int64_t milliseconds = 0;
  if (i < text.size()) {
    if (text[i] != '.' || i + 1 == text.size()) return std::nullopt;
    std::int64_t unit = 100;
    for (++i; i < text.size(); ++i) {
      const int digit = text[i] - '0';
      if (digit < 0 || digit > 9 || (unit == 0 && digit != 0)) return std::nullopt;
      milliseconds += digit * unit;
      unit /= 10;
    }
  }
  return Timestamp(Duration(seconds * 1000 + milliseconds));
}

class AnswerParser::Implementation {
 public:
  Implementation(Kind kind, Handlers handlers, std::int64_t most_bytes)
      : kind_(kind),
        handlers_(std::move(handlers)),
        most_bytes_(most_bytes),
        splitter_(kLongestSeries, R"("result")", 2) {}

  Status Feed(std::string_view piece) {
    figures_.bytes += static_cast<std::int64_t>(piece.size());
    if (figures_.bytes > most_bytes_) {
      return Error(ErrorCode::kResourceExhausted,
                   "the answer is larger than " + std::to_string(most_bytes_) + " bytes");
    }
    return splitter_.Feed(piece, [this](std::string_view item) { return TakeItem(item); });
  }

  std::variant<AnswerEnd, Problem> End() {
    auto around = splitter_.Around();
    if (!around) return Bad(around.error().message());
    simdjson::dom::parser parser;
    simdjson::dom::element document;
    if (const auto code = parser.parse(*around).get(document)) return Bad(TextOf(code));
    if (!document.is_object()) return Bad("no JSON object");
    std::string_view status;
    if (document["status"].get(status) != simdjson::SUCCESS) return Bad("no \"status\"");
    if (status == "error") {
      std::string_view error;
      if (document["error"].get(error) != simdjson::SUCCESS) error = "(nothing)";
      return Problem{
          reason::kQueryFailed,
          "Prometheus said: " + Printable(error, kQuoted) + "; check sources[].prometheus.metric",
          ErrorCode::kUnavailable};
    }
    if (status != "success") return Bad("\"status\" is neither success nor error");
    if (Count(document, "data") > 1) return Bad("\"data\" twice");
    simdjson::dom::element data;
    if (document["data"].get(data) != simdjson::SUCCESS) return Bad("no \"data\"");
    if (Count(data, "result") > 1) return Bad("\"result\" twice");
    std::string_view type;
    simdjson::dom::element result;
    if (document["data"]["resultType"].get(type) != simdjson::SUCCESS ||
        document["data"]["result"].get(result) != simdjson::SUCCESS || !result.is_array())
      return Bad("\"data\" without resultType or result");
    if (type != (kind_ == Kind::kMatrix ? "matrix" : "vector")) {
      return Problem{reason::kQueryFailed,
                     "the result is a " + Printable(type, 40) +
                         ", not series; sources[].prometheus.metric must be one counter with an "
                         "optional {selector}",
                     ErrorCode::kInvalidArgument};
    }
    if (broken_) return Bad(*broken_);
    return EndOf(document);
  }

  const AnswerFigures& figures() const { return figures_; }

 private:
  // How often an object has a key; 0 for what is no object.
  static int Count(simdjson::dom::element element, std::string_view key) {
    simdjson::dom::object object;
    if (element.get(object) != simdjson::SUCCESS) return 0;
    return static_cast<int>(std::count_if(object.begin(), object.end(),
                                          [&](const auto& field) { return field.key == key; }));
  }

  static AnswerEnd EndOf(simdjson::dom::element document) {
    AnswerEnd end;
    simdjson::dom::array warnings;
    if (document["warnings"].get(warnings) == simdjson::SUCCESS) {
      for (const auto warning : warnings) {
        if (end.warnings.size() == kMostWarnings) break;
        std::string_view text;
        const bool told = warning.get(text) == simdjson::SUCCESS && !text.empty();
        end.warnings.push_back(told ? Printable(text, kQuoted) : "(no text)");
      }
    }
    bool partial = false;
    end.partial = document["isPartial"].get(partial) == simdjson::SUCCESS && partial;
    return end;
  }

  // An item that is none of the API's is remembered, not returned: what kind of answer it is shows
  // at the end only.
  Status TakeItem(std::string_view item) {
    if (broken_) return Ok();
    padded_.assign(item);
    padded_.reserve(padded_.size() + simdjson::SIMDJSON_PADDING);
    try {
      Read();
    } catch (const simdjson::simdjson_error& error) {
      broken_ = error.what();
    }
    return Ok();
  }

  void Read() {
    ondemand::document document;
    ondemand::object object;
    auto code = parser_
                    .iterate(simdjson::padded_string_view(padded_.data(), padded_.size(),
                                                          padded_.capacity()))
                    .get(document);
    if (!code) code = document.get_object().get(object);
    if (code) {
      broken_ = TextOf(code);
      return;
    }
    labels_.clear();
    samples_.clear();
    values_ = Values::kLeaveOut;
    ended_ = false;
    auto verdict = ReadSeries(object);
    if (verdict && verdict->broken) {
      broken_ = std::move(verdict->what);
      return;
    }
    ++figures_.series;
    if (verdict) labels_.resize(std::min(labels_.size(), kMostLabels));
    // A series that is left out may be as odd as it likes.
    if (values_ == Values::kLeaveOut && !labels_odd_) return;
    figures_.samples += static_cast<std::int64_t>(samples_.size());
    if (!samples_.empty()) handlers_.on_series(labels_, samples_);
    if (verdict) handlers_.on_odd(labels_, verdict->what);
  }

  Verdict ReadSeries(ondemand::object& object) {
    bool has_labels = false;
    bool has_values = false;
    labels_odd_ = false;
    Verdict odd;
    for (auto field : object) {
      std::string_view key;
      if (const auto code = field.unescaped_key().get(key)) return Broken(code);
      if (key == "metric") {
        if (has_labels) return Broken("\"metric\" twice");
        has_labels = true;
        if (auto verdict = ReadLabels(field.value())) {
          labels_odd_ = true;
          return verdict;
        }
        values_ = handlers_.on_labels(labels_);
        if (values_ == Values::kLeaveOut) return std::nullopt;
      } else if (key == (kind_ == Kind::kMatrix ? "values" : "value")) {
        if (!has_labels || has_values) return Broken("values before \"metric\", or twice");
        has_values = true;
        auto verdict =
            kind_ == Kind::kMatrix ? ReadSamples(field.value()) : ReadSample(field.value());
        if (verdict && verdict->broken) return verdict;
        if (verdict) odd = std::move(verdict);
      } else if (key == "histogram" || key == "histograms") {
        has_values = true;
        odd = Odd("a native histogram");
      }
    }
    if (!has_labels || !has_values) return Broken("a series without labels or values");
    if (samples_.empty() && !odd && !ended_) return Broken("a series without values");
    return odd;
  }

  template <typename Value>
  Verdict ReadLabels(Value value) {
    ondemand::object metric;
    if (const auto code = value.get_object().get(metric)) return Broken(code);
    for (auto field : metric) {
      Label label;
      if (const auto code = field.unescaped_key().get(label.name)) return Broken(code);
      if (const auto code = field.value().get_string().get(label.value)) return Broken(code);
      if (labels_.size() == kMostLabels) return Odd("a series with more than 128 labels");
      labels_.push_back(label);
    }
    const auto by_name = [](const Label& a, const Label& b) { return a.name < b.name; };
    if (!std::is_sorted(labels_.begin(), labels_.end(), by_name))
      std::sort(labels_.begin(), labels_.end(), by_name);
    for (std::size_t i = 1; i < labels_.size(); ++i) {
      if (labels_[i].name == labels_[i - 1].name) return Odd("a series with one label twice");
    }
    return std::nullopt;
  }

  template <typename Value>
  Verdict ReadSamples(Value value) {
    ondemand::array samples;
    if (const auto code = value.get_array().get(samples)) return Broken(code);
    Verdict last;
    int nans = 0;  // at the end
    for (auto sample : samples) {
      // A later number includes what was spent meanwhile, as after a scrape that failed.
      last = ReadSample(sample);
      if (last && last->broken) return last;
      nans = is_nan_ ? nans + 1 : 0;
    }
    // VictoriaMetrics tells the end of a series by one NaN: only two in a row are no numbers.
    if (nans == 1) {
      ended_ = true;
      return std::nullopt;
    }
    return last;
  }

  // [1700000000.123, "12.5"]
  template <typename Value>
  Verdict ReadSample(Value value) {
    ondemand::array pair;
    if (const auto code = value.get_array().get(pair)) return Broken(code);
    Sample sample;
    Verdict odd;
    int position = 0;
    for (auto part : pair) {
      if (position == 0) {
        std::string_view token;
        if (const auto code = part.raw_json_token().get(token)) return Broken(code);
        const auto time = ParseSeconds(TrimRight(token));
        if (!time) return Broken("a sample's time is not in seconds: " + Printable(token, 40));
        sample.at = *time;
      } else if (position == 1) {
        std::string_view text;
        if (const auto code = part.get_string().get(text)) return Broken(code);
        is_nan_ = text == "NaN";
        const auto amount = ParseScaled(
            text, values_ == Values::kWhole ? 0 : static_cast<std::size_t>(kMoneyDecimals));
        if (amount) {
          sample.value = *amount;
        } else {
          odd = Odd(amount.error().message());
        }
      } else {
        return Broken("a sample of more than two parts");
      }
      ++position;
    }
    if (position != 2) return Broken("a sample of less than two parts");
    if (odd) return odd;
    if (!samples_.empty() && samples_.back().at >= sample.at)
      return Odd("a series whose times do not ascend");
    samples_.push_back(sample);
    return std::nullopt;
  }

  const Kind kind_;
  const Handlers handlers_;
  const std::int64_t most_bytes_;
  ListSplitter splitter_;
  ondemand::parser parser_;
  std::string padded_;
  std::vector<Label> labels_;
  std::vector<Sample> samples_;
  Values values_ = Values::kLeaveOut;
  bool labels_odd_ = false;
  bool is_nan_ = false;  // the sample just read
  bool ended_ = false;   // the series ends with the mark of its end
  std::optional<std::string> broken_;
  AnswerFigures figures_;
};

AnswerParser::AnswerParser(Kind kind, Handlers handlers, std::int64_t most_bytes)
    : implementation_(std::make_unique<Implementation>(kind, std::move(handlers), most_bytes)) {}
AnswerParser::~AnswerParser() = default;

Status AnswerParser::Feed(std::string_view piece) { return implementation_->Feed(piece); }
std::variant<AnswerEnd, Problem> AnswerParser::End() { return implementation_->End(); }
const AnswerFigures& AnswerParser::figures() const { return implementation_->figures(); }

}  // namespace purser::usage
