#include "usage/prometheus/answer.h"

#include <simdjson.h>

#include <algorithm>
#include <vector>

namespace purser::usage {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::size_t kMostLabels = 128;
constexpr std::size_t kQuoted = 200;
constexpr std::size_t kLargeBody = 1 << 20;
constexpr std::int64_t kLatestSecond = 253'402'300'799;  // of the year 9999

Problem Bad(std::string_view what) {
  return {reason::kBadAnswer,
          "not an answer of Prometheus' API: " + std::string(what) +
              "; check what answers at sources[].prometheus.url",
          ErrorCode::kCorrupt};
}

Problem Bad(simdjson::error_code code) {
  std::string_view text = simdjson::error_message(code);
  if (!text.empty() && text.back() == '.') text.remove_suffix(1);
  return Bad(text);
}

std::string_view TrimRight(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' ||
                           text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

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
  std::optional<Problem> Parse(std::string body, Kind kind, const OnSeries& on_series,
                               AnswerFigures& figures, Trailing trailing) {
    kind_ = kind;
    trailing_ = trailing;
    on_series_ = &on_series;
    figures_ = {};
    body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
    ondemand::document document;
    auto code =
        parser_.iterate(simdjson::padded_string_view(body.data(), body.size(), body.capacity()))
            .get(document);
    if (code != simdjson::SUCCESS) return Bad(code);
    auto problem = ReadDocument(document);
    // Beyond the end there is no location.
    const char* location = nullptr;
    if (!problem && document.current_location().get(location) != simdjson::OUT_OF_BOUNDS)
      problem = Bad("something follows the JSON document");
    figures = figures_;
    // Its buffers are as large as the answer: not worth keeping between two polls.
    if (body.size() > kLargeBody) parser_ = ondemand::parser();
    return problem;
  }

 private:
  std::optional<Problem> ReadDocument(ondemand::document& document) {
    ondemand::object object;
    if (const auto code = document.get_object().get(object)) return Bad(code);
    std::string_view status, error;
    bool has_data = false;
    std::string warning;
    for (auto field : object) {
      std::string_view key;
      if (const auto code = field.unescaped_key().get(key)) return Bad(code);
      std::optional<Problem> problem;
      if (key == "status") {
        if (const auto code = field.value().get_string().get(status)) return Bad(code);
      } else if (key == "error") {
        if (const auto code = field.value().get_string().get(error)) return Bad(code);
      } else if (key == "warnings") {
        problem = ReadWarnings(field.value(), warning);
      } else if (key == "data") {
        if (has_data) return Bad("\"data\" twice");
        has_data = true;
        problem = ReadData(field.value());
      }
      if (problem) return problem;
    }
    if (status == "error") {
      return Problem{
          reason::kQueryFailed,
          "Prometheus said: " + Printable(error, kQuoted) + "; check sources[].prometheus.metric",
          ErrorCode::kUnavailable};
    }
    if (status != "success") return Bad("\"status\" is neither success nor error");
    if (!has_data) return Bad("no \"data\"");
    if (!warning.empty()) {
      return Problem{reason::kIncomplete,
                     "Prometheus warned, so its answer may lack spend: " + warning +
                         "; mend that in Prometheus: what is not booked now is read again then",
                     ErrorCode::kUnavailable};
    }
    return std::nullopt;
  }

  template <typename Value>
  static std::optional<Problem> ReadWarnings(Value value, std::string& first) {
    ondemand::array warnings;
    bool null = false;
    if (value.is_null().get(null) == simdjson::SUCCESS && null) return std::nullopt;
    if (const auto code = value.get_array().get(warnings)) return Bad(code);
    for (auto warning : warnings) {
      std::string_view text;
      if (const auto code = warning.get_string().get(text)) return Bad(code);
      if (first.empty()) first = text.empty() ? "(no text)" : Printable(text, kQuoted);
    }
    return std::nullopt;
  }

  template <typename Value>
  std::optional<Problem> ReadData(Value value) {
    ondemand::object data;
    if (const auto code = value.get_object().get(data)) return Bad(code);
    std::string_view type;
    bool has_result = false;
    for (auto field : data) {
      std::string_view key;
      if (const auto code = field.unescaped_key().get(key)) return Bad(code);
      if (key == "resultType") {
        if (const auto code = field.value().get_string().get(type)) return Bad(code);
        const std::string_view want = kind_ == Kind::kMatrix ? "matrix" : "vector";
        if (type != want) return WrongType(type);
      } else if (key == "result") {
        if (has_result) return Bad("\"result\" twice");
        has_result = true;
        if (auto problem = ReadResult(field.value())) return problem;
      }
    }
    if (type.empty() || !has_result) return Bad("\"data\" without resultType or result");
    return std::nullopt;
  }

  static Problem WrongType(std::string_view type) {
    return {reason::kQueryFailed,
            "the result is a " + Printable(type, 40) +
                ", not series; sources[].prometheus.metric must be one counter with an optional "
                "{selector}",
            ErrorCode::kInvalidArgument};
  }

  template <typename Value>
  std::optional<Problem> ReadResult(Value value) {
    ondemand::array result;
    if (const auto code = value.get_array().get(result)) return Bad(code);
    for (auto element : result) {
      ondemand::object series;
      if (const auto code = element.get_object().get(series)) return Bad(code);
      if (auto problem = ReadSeries(series)) return problem;
    }
    return std::nullopt;
  }

  std::optional<Problem> ReadSeries(ondemand::object& object) {
    bool has_labels = false;
    bool has_samples = false;
    labels_.clear();
    samples_.clear();
    left_out_ = false;
    for (auto field : object) {
      std::string_view key;
      if (const auto code = field.unescaped_key().get(key)) return Bad(code);
      std::optional<Problem> problem;
      if (key == "metric") {
        if (has_labels) return Bad("\"metric\" twice");
        has_labels = true;
        problem = ReadLabels(field.value());
      } else if (key == (kind_ == Kind::kMatrix ? "values" : "value")) {
        if (!has_labels || has_samples) return Bad("values before \"metric\", or twice");
        has_samples = true;
        problem = kind_ == Kind::kMatrix ? ReadSamples(field.value()) : ReadSample(field.value());
      } else if (key == "histogram" || key == "histograms") {
        return NotANumber("a histogram");
      }
      if (problem) return problem;
    }
    if (has_labels && samples_.empty() && left_out_) return std::nullopt;
    if (!has_labels || !has_samples || samples_.empty())
      return Bad("a series without labels or values");
    ++figures_.series;
    figures_.samples += static_cast<std::int64_t>(samples_.size());
    return (*on_series_)(Series{labels_, samples_});
  }

  template <typename Value>
  std::optional<Problem> ReadLabels(Value value) {
    ondemand::object metric;
    if (const auto code = value.get_object().get(metric)) return Bad(code);
    for (auto field : metric) {
      Label label;
      if (const auto code = field.unescaped_key().get(label.name)) return Bad(code);
      if (const auto code = field.value().get_string().get(label.value)) return Bad(code);
      if (labels_.size() == kMostLabels) return Bad("a series with more than 128 labels");
      labels_.push_back(label);
    }
    const auto by_name = [](const Label& a, const Label& b) { return a.name < b.name; };
    if (!std::is_sorted(labels_.begin(), labels_.end(), by_name))
      std::sort(labels_.begin(), labels_.end(), by_name);
    for (std::size_t i = 1; i < labels_.size(); ++i) {
      if (labels_[i].name == labels_[i - 1].name) return Bad("a label twice in one series");
    }
    return std::nullopt;
  }

  template <typename Value>
  std::optional<Problem> ReadSamples(Value value) {
    ondemand::array samples;
    if (const auto code = value.get_array().get(samples)) return Bad(code);
    std::optional<Problem> not_a_number;
    for (auto sample : samples) {
      auto problem = ReadSample(sample);
      if (problem && problem->reason != reason::kNotANumber) return problem;
      // A later number includes what was spent meanwhile, as after a scrape that failed.
      not_a_number = std::move(problem);
    }
    left_out_ = not_a_number && trailing_ == Trailing::kLeaveOut;
    return left_out_ ? std::nullopt : not_a_number;
  }

  // [1700000000.123, "12.5"]
  template <typename Value>
  std::optional<Problem> ReadSample(Value value) {
    ondemand::array pair;
    if (const auto code = value.get_array().get(pair)) return Bad(code);
    Sample sample;
    int position = 0;
    for (auto part : pair) {
      if (position == 0) {
        std::string_view token;
        if (const auto code = part.raw_json_token().get(token)) return Bad(code);
        const auto time = ParseSeconds(TrimRight(token));
        if (!time) return Bad("a sample's time is not in seconds: " + Printable(token, 40));
        sample.at = *time;
      } else if (position == 1) {
        std::string_view text;
        if (const auto code = part.get_string().get(text)) return Bad(code);
        const auto amount = Money::ParseSample(text);
        if (!amount) return NotANumber(amount.error().message());
        sample.value = *amount;
      } else {
        return Bad("a sample of more than two parts");
      }
      ++position;
    }
    if (position != 2) return Bad("a sample of less than two parts");
    if (!samples_.empty() && samples_.back().at >= sample.at)
      return Bad("times that do not ascend in " + Describe(labels_));
    samples_.push_back(sample);
    return std::nullopt;
  }

  Problem NotANumber(std::string_view what) const {
    return {
        reason::kNotANumber,
        Describe(labels_) + " is " + std::string(what) +
            ": not an amount of USD; correct the exporter (reading goes on at its next number), or "
            "leave the series out by a selector in sources[].prometheus.metric",
        ErrorCode::kInvalidArgument};
  }

  ondemand::parser parser_;
  std::vector<Label> labels_;
  std::vector<Sample> samples_;
  Kind kind_ = Kind::kMatrix;
  Trailing trailing_ = Trailing::kRefuse;
  bool left_out_ = false;  // the series being read ends without a number
  const OnSeries* on_series_ = nullptr;
  AnswerFigures figures_;
};

AnswerParser::AnswerParser() : implementation_(std::make_unique<Implementation>()) {}
AnswerParser::~AnswerParser() = default;

std::optional<Problem> AnswerParser::Parse(std::string body, Kind kind, const OnSeries& on_series,
                                           AnswerFigures& figures, Trailing trailing) {
  try {
    return implementation_->Parse(std::move(body), kind, on_series, figures, trailing);
  } catch (const simdjson::simdjson_error& error) {
    return Bad(error.what());
  }
}

}  // namespace purser::usage
