// The body of POST /v1/usage.
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/time_text.h"
#include "ledger/store.h"
#include "usage/records/record.h"

namespace purser::usage::records {
namespace {

namespace ondemand = simdjson::ondemand;

Error NotJson() {
  return Error(ErrorCode::kInvalidArgument,
               "the body is no JSON array of records and no record a line");
}

// What stops the reading of a whole body, or the reason why one record is rejected ("" none).
struct Reader {
  Record record;
  std::string reason;

  void Reject(std::string_view field, std::string_view what) {
    if (reason.empty()) reason = std::string(field) + ": " + std::string(what);
  }
};

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() &&
         (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

// A number's own text; a string is taken for the number in it. Nothing: neither.
simdjson::error_code NumberText(ondemand::value& value, std::string& text, bool& is_number) {
  ondemand::json_type type{};
  if (const auto error = value.type().get(type)) return error;
  is_number = type == ondemand::json_type::number || type == ondemand::json_type::string;
  if (type == ondemand::json_type::string) {
    std::string_view inside;
    if (const auto error = value.get_string().get(inside)) return error;
    text = inside;
    return simdjson::SUCCESS;
  }
  if (is_number) text = Trimmed(value.raw_json_token());
  return simdjson::SUCCESS;
}

std::optional<std::int64_t> WholeNumber(std::string_view text) {
  // "12.0" and "1e3" are whole, too; what is beyond int64 is not.
  std::int64_t whole = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error == std::errc() && end == text.data() + text.size()) return whole;
  double number = 0;
  const auto [last, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (wrong != std::errc() || last != text.data() + text.size()) return std::nullopt;
  if (!(number > -9e15 && number < 9e15)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

class FieldReading {
 public:
  FieldReading(Reader& into, ondemand::value& value, std::string_view name)
      : into_(into), value_(value), name_(name) {}

  simdjson::error_code Text(std::string& field, std::size_t longest = 0) {
    ondemand::json_type type{};
    if (const auto error = value_.type().get(type)) return error;
    if (type == ondemand::json_type::null) return simdjson::SUCCESS;
    if (type != ondemand::json_type::string) {
      into_.Reject(name_, "is not text");
      return simdjson::SUCCESS;
    }
    std::string_view text;
    if (const auto error = value_.get_string().get(text)) return error;
    field = longest == 0 ? std::string(text) : ledger::CutText(text, longest);
    return simdjson::SUCCESS;
  }

  simdjson::error_code Count(std::int64_t& field) {
    std::string text;
    bool number = false;
    if (value_.is_null()) return simdjson::SUCCESS;
    if (const auto error = NumberText(value_, text, number)) return error;
    const auto whole = number ? WholeNumber(text) : std::nullopt;
    if (whole) {
      field = *whole;
    } else {
      into_.Reject(name_, "is no whole number");
    }
    return simdjson::SUCCESS;
  }

  simdjson::error_code Cost() {
    std::string text;
    bool number = false;
    if (value_.is_null()) return simdjson::SUCCESS;
    if (const auto error = NumberText(value_, text, number)) return error;
    const auto money = number ? Money::ParseSample(text)
                              : Result<Money>(Error(ErrorCode::kInvalidArgument, "is no number"));
    if (money) {
      into_.record.cost = *money;
    } else {
      into_.Reject(name_, "want an amount of US dollars that is not negative, such as \"0.0125\"");
    }
    return simdjson::SUCCESS;
  }

  simdjson::error_code Time() {
    ondemand::json_type type{};
    if (const auto error = value_.type().get(type)) return error;
    std::optional<Timestamp> time;
    if (type == ondemand::json_type::string) {
      std::string_view text;
      if (const auto error = value_.get_string().get(text)) return error;
      time = ParseRfc3339(text);
    } else if (type == ondemand::json_type::number) {
      const auto millis = WholeNumber(Trimmed(value_.raw_json_token()));
      // Seconds would be in 1970.
      if (millis && *millis > 100'000'000'000 && *millis < 253'402'300'799'000)
        time = Timestamp(Duration(*millis));
    }
    if (time) {
      into_.record.time = *time;
    } else {
      into_.Reject(name_,
                   "want RFC 3339, such as \"2026-11-27T10:15:00Z\", or milliseconds since "
                   "1970");
    }
    return simdjson::SUCCESS;
  }

  simdjson::error_code Outcome() {
    std::string text;
    if (const auto error = Text(text)) return error;
    if (text == "Failure") {
      into_.record.outcome = ledger::Outcome::kFailure;
    } else if (text == "Retry") {
      into_.record.outcome = ledger::Outcome::kRetry;
    } else if (!text.empty() && text != "Success") {
      into_.Reject(name_, "want Success, Failure or Retry");
    }
    return simdjson::SUCCESS;
  }

 private:
  Reader& into_;
  ondemand::value& value_;
  std::string_view name_;
};

simdjson::error_code ReadField(Reader& into, std::string_view name, ondemand::value& value) {
  FieldReading field(into, value, name);
  auto& record = into.record;
  if (name == "id") return field.Text(record.id);
  if (name == "time") return field.Time();
  if (name == "namespace") return field.Text(record.ns);
  if (name == "agent") return field.Text(record.agent);
  if (name == "admission") return field.Text(record.admission);
  if (name == "pool") return field.Text(record.pool);
  if (name == "provider") return field.Text(record.provider);
  if (name == "model") return field.Text(record.model);
  if (name == "task") return field.Text(record.task);
  if (name == "workflow") return field.Text(record.workflow);
  if (name == "parent") return field.Text(record.parent);
  if (name == "error") return field.Text(record.error, kLongestError);
  if (name == "inputTokens") return field.Count(record.tokens.input);
  if (name == "outputTokens") return field.Count(record.tokens.output);
  if (name == "cachedTokens") return field.Count(record.tokens.cached);
  if (name == "reasoningTokens") return field.Count(record.tokens.reasoning);
  if (name == "latencyMs") return field.Count(record.latency_ms);
  if (name == "costUSD") return field.Cost();
  if (name == "outcome") return field.Outcome();
  return simdjson::SUCCESS;
}

simdjson::error_code ReadRecord(Reader& into, ondemand::object object) {
  for (auto pair : object) {
    ondemand::field field;
    if (const auto error = std::move(pair).get(field)) return error;
    std::string_view name;
    if (const auto error = field.unescaped_key().get(name)) return error;
    auto value = field.value();
    if (const auto error = ReadField(into, name, value)) return error;
  }
  return simdjson::SUCCESS;
}

class Body {
 public:
  explicit Body(std::string_view home) : home_(home) {}

  void Add(Reader reader, std::size_t index) {
    auto& record = reader.record;
    if (record.ns.empty()) record.ns = home_;
    if (reader.reason.empty() && record.time == Timestamp())
      reader.reason = "time: is required; when the call ended";
    if (reader.reason.empty()) reader.reason = WhatIsWrong(record);
    if (!reader.reason.empty()) return Reject(index, record.id, reader.reason);
    decoded_.records.push_back(std::move(record));
    decoded_.indices.push_back(index);
  }
  void Reject(std::size_t index, std::string_view id, std::string reason) {
    decoded_.rejected.push_back({index, ledger::CutText(id, kLongestId), std::move(reason)});
  }
  Decoded Take() { return std::move(decoded_); }

 private:
  const std::string home_;
  Decoded decoded_;
};

// Nothing follows what was read.
bool AtEnd(ondemand::document& document) {
  return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

Error TooMany() {
  return Error(ErrorCode::kResourceExhausted, "more than " + std::to_string(kMostRecords) +
                                                  " records in one request: send them in parts");
}

Status ReadArray(ondemand::parser& parser, std::string& body, Body& into) {
  ondemand::document document;
  ondemand::array array;
  if (parser.iterate(simdjson::padded_string_view(body.data(), body.size(), body.capacity()))
          .get(document) ||
      document.get_array().get(array))
    return NotJson();
  std::size_t index = 0;
  for (auto item : array) {
    if (index == kMostRecords) return TooMany();
    Reader reader;
    ondemand::object object;
    ondemand::value value;
    if (std::move(item).get(value)) return NotJson();
    const auto error = value.get_object().get(object);
    if (error == simdjson::INCORRECT_TYPE) {
      into.Reject(index++, "", "is no record: want an object");
      continue;
    }
    if (error || ReadRecord(reader, object)) return NotJson();
    into.Add(std::move(reader), index++);
  }
  return AtEnd(document) ? Ok() : Status(NotJson());
}

// One record alone, on as many lines as it likes.
Status ReadOne(ondemand::parser& parser, std::string& body, Body& into) {
  Reader reader;
  ondemand::document document;
  ondemand::object object;
  if (parser.iterate(simdjson::padded_string_view(body.data(), body.size(), body.capacity()))
          .get(document) ||
      document.get_object().get(object) || ReadRecord(reader, object) || !AtEnd(document))
    return NotJson();
  into.Add(std::move(reader), 0);
  return Ok();
}

// A line that is no JSON spoils no other.
Status ReadLines(ondemand::parser& parser, std::string& body, Body& into) {
  std::size_t index = 0;
  for (std::size_t from = 0; from < body.size();) {
    const auto to = std::min(body.find('\n', from), body.size());
    const auto line = Trimmed(std::string_view(body).substr(from, to - from));
    const auto start = from;
    from = to + 1;
    if (line.empty()) continue;
    if (index == kMostRecords) return TooMany();
    Reader reader;
    ondemand::document document;
    ondemand::object object;
    const bool read = !parser
                           .iterate(simdjson::padded_string_view(body.data() + start, line.size(),
                                                                 body.capacity() - start))
                           .get(document) &&
                      !document.get_object().get(object) && !ReadRecord(reader, object) &&
                      AtEnd(document);
    if (read) {
      into.Add(std::move(reader), index++);
    } else {
      into.Reject(index++, reader.record.id, "this line is no JSON object");
    }
  }
  return Ok();
}

}  // namespace

Result<Decoded> DecodeUsage(std::string& body, std::string_view home) {
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  const auto first = body.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return NotJson();
  ondemand::parser parser;
  Body into(home);
  const bool array = body[first] == '[';
  const auto first_line =
      Trimmed(std::string_view(body).substr(first, body.find('\n', first) - first));
  const bool one = !array && !first_line.ends_with('}');
  PURSER_RETURN_IF_ERROR(array ? ReadArray(parser, body, into)
                         : one ? ReadOne(parser, body, into)
                               : ReadLines(parser, body, into));
  auto decoded = into.Take();
  // One that is no JSON at all is no list of lines.
  if (!array && decoded.records.empty() && decoded.rejected.size() == 1 &&
      decoded.rejected.front().reason.starts_with("this line"))
    return NotJson();
  return decoded;
}

}  // namespace purser::usage::records
