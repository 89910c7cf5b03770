#include "api/field_reader.h"

#include <algorithm>

#include "api/spelling.h"
#include "api/text_form.h"
#include "base/join.h"
#include "base/utf8.h"

namespace purser::api {
namespace {

constexpr std::size_t kMostProblems = 20;
constexpr std::size_t kSummarised = 3;

std::string DurationText(std::int64_t milliseconds) {
  return api::DurationText(Duration(milliseconds));
}

}  // namespace

std::string Problem::PathText() const {
  std::string text;
  for (const auto& step : path) {
    if (step.field.empty()) {
      text += "[" + std::to_string(step.index) + "]";
    } else {
      text += (text.empty() ? "" : ".") + Visible(step.field);
    }
  }
  return text;
}

void ReadContext::Fail(std::string message, std::initializer_list<PathStep> below) {
  if (problems_.size() >= kMostProblems) return;
  Problem problem{{}, std::move(message)};
  for (const auto& place : path_) problem.path.push_back({std::string(place.field), place.index});
  problem.path.insert(problem.path.end(), below.begin(), below.end());
  problems_.push_back(std::move(problem));
}

bool ReadContext::Failed(std::string_view field) const {
  return std::any_of(problems_.begin(), problems_.end(), [&](const Problem& problem) {
    if (problem.path.size() <= path_.size() || problem.path[path_.size()].field != field)
      return false;
    return std::equal(path_.begin(), path_.end(), problem.path.begin(),
                      [](const Place& place, const PathStep& step) {
                        return place.field == step.field && place.index == step.index;
                      });
  });
}

std::optional<std::string> ReadContext::Summary() const {
  if (problems_.empty()) return std::nullopt;
  std::string text;
  for (std::size_t i = 0; i < std::min(problems_.size(), kSummarised); ++i) {
    if (i > 0) text += "; ";
    const auto path = problems_[i].PathText();
    text += (path.empty() ? "" : path + ": ") + problems_[i].message;
  }
  if (problems_.size() > kSummarised) {
    text += " (and " + std::to_string(problems_.size() - kSummarised) + " more)";
  }
  return text;
}

std::string Shown(simdjson::dom::element element) {
  switch (element.type()) {
    case simdjson::dom::element_type::ARRAY:
      return "a list";
    case simdjson::dom::element_type::OBJECT:
      return "an object";
    case simdjson::dom::element_type::STRING:
      return Quoted(element.get_string().value_unsafe());
    default:
      return simdjson::minify(element);
  }
}

bool ReadText(ReadContext& context, simdjson::dom::element element, TextForm form,
              std::string& into) {
  std::string_view text;
  if (element.get(text) != simdjson::SUCCESS) {
    const bool scalar = !element.is_array() && !element.is_object();
    context.Fail(Shown(element) + " is not text" +
                 (scalar ? "; write it in quotes: \"" + Shown(element) + "\"" : ""));
    return false;
  }
  const auto wrong = form(text);
  if (!wrong.empty()) {
    // What stands before the @ of a URL is a password as likely as not.
    const bool secret = form == &HttpUrl && text.find('@') != std::string_view::npos;
    context.Fail((secret ? "" : Quoted(text) + ": ") + wrong);
    return false;
  }
  into.assign(text);
  return true;
}

bool ReadInteger(ReadContext& context, simdjson::dom::element element, std::int64_t minimum,
                 std::int64_t maximum, std::int64_t& into) {
  std::int64_t value = 0;
  if (element.get(value) != simdjson::SUCCESS || value < minimum || value > maximum) {
    context.Fail(Shown(element) + " is not a whole number from " + std::to_string(minimum) +
                 " to " + std::to_string(maximum) +
                 (element.is_string() ? "; write it without quotes" : ""));
    return false;
  }
  into = value;
  return true;
}

std::optional<simdjson::dom::array> ReadList(ReadContext& context, simdjson::dom::element element,
                                             std::int64_t most) {
  simdjson::dom::array list;
  if (element.get(list) != simdjson::SUCCESS) {
    context.Fail("want a list, got " + Shown(element));
    return std::nullopt;
  }
  // size() of the parser saturates at 2^24, far above any bound here.
  if (list.size() > static_cast<std::size_t>(most)) {
    context.Fail("has " + std::to_string(list.size()) + " entries; at most " +
                 std::to_string(most) + " are allowed");
    return std::nullopt;
  }
  return list;
}

void ReadTextList(ReadContext& context, simdjson::dom::element element, TextForm form,
                  std::int64_t most, std::vector<std::string>& into) {
  const auto list = ReadList(context, element, most);
  if (!list) return;
  into.clear();
  into.reserve(list->size());
  std::size_t index = 0;
  for (const auto item : *list) {
    const ReadContext::Step step(context, index++);
    std::string text;
    if (!ReadText(context, item, form, text)) continue;
    if (std::find(into.begin(), into.end(), text) != into.end()) {
      context.Fail(Quoted(text) + " is listed twice");
      continue;
    }
    into.push_back(std::move(text));
  }
}

void ReadTextMap(ReadContext& context, simdjson::dom::element element, TextForm key_form,
                 TextForm form, std::int64_t most, std::map<std::string, std::string>& into) {
  simdjson::dom::object object;
  if (element.get(object) != simdjson::SUCCESS) {
    context.Fail("want an object, got " + Shown(element));
    return;
  }
  if (object.size() > static_cast<std::size_t>(most)) {
    context.Fail("has " + std::to_string(object.size()) + " entries; at most " +
                 std::to_string(most) + " are allowed");
    return;
  }
  for (const auto [key, value] : object) {
    const ReadContext::Step step(context, key);
    if (const auto wrong = key_form(key); !wrong.empty()) {
      context.Fail(wrong);
      continue;
    }
    std::string text;
    if (ReadText(context, value, form, text)) into[std::string(key)] = std::move(text);
  }
}

bool ReadDuration(ReadContext& context, simdjson::dom::element element, std::int64_t minimum_ms,
                  std::int64_t maximum_ms, std::chrono::milliseconds& into) {
  std::string_view text;
  std::optional<std::chrono::milliseconds> value;
  if (element.get(text) == simdjson::SUCCESS) value = ParseDuration(text);
  if (!value) {
    context.Fail(Shown(element) + " is not a duration such as \"15s\", \"500ms\" or \"1h30m\"");
    return false;
  }
  if (value->count() < minimum_ms || value->count() > maximum_ms) {
    context.Fail(Shown(element) + " is not between " + DurationText(minimum_ms) + " and " +
                 DurationText(maximum_ms));
    return false;
  }
  into = *value;
  return true;
}

void ReadScalar(ReadContext& context, simdjson::dom::element element, std::string& into) {
  constexpr std::size_t kLongestScalar = 253;
  std::string_view text;
  if (element.get(text) == simdjson::SUCCESS && text.size() > kLongestScalar) {
    context.Fail("is longer than 253 bytes");
    return;
  }
  if (!element.is_string() && !element.is_bool() && !element.is_int64()) {
    context.Fail(Shown(element) + " is not a boolean, an integer or a text");
    return;
  }
  into = simdjson::minify(element);
}

void RefuseNotImplemented(ReadContext& context, simdjson::dom::element element,
                          std::string_view refusal) {
  // An empty list asks for nothing; neither does false.
  simdjson::dom::array list;
  if (element.get(list) == simdjson::SUCCESS && list.size() == 0) return;
  bool flag = true;
  if (element.get(flag) == simdjson::SUCCESS && !flag) return;
  context.Fail("is not implemented yet; " + std::string(refusal));
}

void FailUnknownField(ReadContext& context, std::string_view name,
                      const std::vector<std::string_view>& known) {
  const auto near = DidYouMean(name, known);
  context.Fail("unknown field; " + (near.empty() ? "known here: " + Join(known) : near),
               {{name.empty() ? std::string("\"\"") : std::string(CutUtf8(name, 60))}});
}

void FailUnknownChoice(ReadContext& context, std::string_view value,
                       const std::vector<std::string_view>& known) {
  const auto near = DidYouMean(value, known);
  context.Fail(Quoted(value) + " is not one of " + Join(known) + (near.empty() ? "" : "; " + near));
}

}  // namespace purser::api
