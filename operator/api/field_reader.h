// Reading JSON objects into structs by tables of fields. Inside api/ only.
//
// A table (std::array<Field<T>, N>) names every field of an object: how it is read, whether it must
// be given, whether it is refused because it is not implemented yet. The same tables answer
// KnownFields, so that what is read and what is documented can't drift apart. Problems are
// collected, not thrown; what has a problem keeps its default. Null means absent, as for the API
// server.
#pragma once

#include <simdjson.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/codec.h"
#include "api/known_fields.h"
#include "api/text_form.h"

namespace purser::api {

struct PathStep {
  std::string field;  // empty: an index
  std::size_t index = 0;
};

struct Problem {
  std::vector<PathStep> path;
  std::string message;  // without the path

  std::string PathText() const;  // "spec.agents[1].name"
};

// Where reading stands, and what was found wrong. Not thread-safe; lives for one object.
class ReadContext {
 public:
  explicit ReadContext(UnknownFields unknown) : unknown_(unknown) {}

  UnknownFields unknown() const { return unknown_; }
  // At the present place, or at fields below it; at most 20 are kept.
  void Fail(std::string message, std::initializer_list<PathStep> below = {});
  const std::vector<Problem>& problems() const { return problems_; }
  // Whether something was found wrong at or below this field of the present place.
  bool Failed(std::string_view field) const;
  // "spec.limit: …; spec.window.type: … (and 2 more)": nothing when all is well.
  std::optional<std::string> Summary() const;

  // Enters a field or an element for the time of a scope. `field` must outlive it.
  class Step {
   public:
    Step(ReadContext& context, std::string_view field) : context_(context) {
      context.path_.push_back({field, 0});
    }
    Step(ReadContext& context, std::size_t index) : context_(context) {
      context.path_.push_back({{}, index});
    }
    ~Step() { context_.path_.pop_back(); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    ReadContext& context_;
  };

 private:
  struct Place {
    std::string_view field;
    std::size_t index;
  };
  UnknownFields unknown_;
  std::vector<Place> path_;
  std::vector<Problem> problems_;
};

// One name of an enumeration. `refusal`: known, not implemented yet; says what to use instead.
template <typename E>
struct Choice {
  std::string_view name;
  E value{};
  std::string_view refusal = {};
};

template <typename T>
struct Field {
  using Read = void (*)(ReadContext&, simdjson::dom::element, T&, const Field&);
  using Describe = void (*)(const Field&, const std::string& path, std::vector<KnownField>&);

  std::string_view name;
  Read read = nullptr;
  Describe describe = nullptr;
  std::string_view required = {};  // not empty: must be given; how to give it
  TextForm form = nullptr;
  TextForm key_form = nullptr;  // of a map
  std::int64_t minimum = 0;
  std::int64_t maximum = 0;       // of a number, a duration in ms, or the size of a list
  std::string_view refusal = {};  // not empty: not implemented yet; what to do instead
};

// "\"x\"", "5", "a list": what was found, for messages.
std::string Shown(simdjson::dom::element element);

bool ReadText(ReadContext& context, simdjson::dom::element element, TextForm form,
              std::string& into);
bool ReadInteger(ReadContext& context, simdjson::dom::element element, std::int64_t minimum,
                 std::int64_t maximum, std::int64_t& into);
void ReadTextList(ReadContext& context, simdjson::dom::element element, TextForm form,
                  std::int64_t most, std::vector<std::string>& into);
void ReadTextMap(ReadContext& context, simdjson::dom::element element, TextForm key_form,
                 TextForm form, std::int64_t most, std::map<std::string, std::string>& into);
bool ReadDuration(ReadContext& context, simdjson::dom::element element, std::int64_t minimum_ms,
                  std::int64_t maximum_ms, std::chrono::milliseconds& into);
// A boolean, an integer or a text of up to 253 bytes, as JSON.
void ReadScalar(ReadContext& context, simdjson::dom::element element, std::string& into);
// The elements of a list of at most `most`; nothing (and a problem) when it is none.
std::optional<simdjson::dom::array> ReadList(ReadContext& context, simdjson::dom::element element,
                                             std::int64_t most);
void RefuseNotImplemented(ReadContext& context, simdjson::dom::element element,
                          std::string_view refusal);
void FailUnknownField(ReadContext& context, std::string_view name,
                      const std::vector<std::string_view>& known);
void FailUnknownChoice(ReadContext& context, std::string_view value,
                       const std::vector<std::string_view>& known);

template <typename T, std::size_t N>
void ReadFields(ReadContext& context, simdjson::dom::element element,
                const std::array<Field<T>, N>& fields, T& into) {
  static_assert(N <= 64);
  simdjson::dom::object object;
  if (element.get(object) != simdjson::SUCCESS) {
    context.Fail("want an object, got " + Shown(element));
    return;
  }
  std::uint64_t seen = 0;
  for (const auto [name, value] : object) {
    if (value.is_null()) continue;
    std::size_t i = 0;
    while (i < N && fields[i].name != name) ++i;
    if (i == N) {
      if (context.unknown() == UnknownFields::kIgnore) continue;
      std::vector<std::string_view> known;
      known.reserve(N);
      for (const auto& field : fields) known.push_back(field.name);
      FailUnknownField(context, name, known);
      continue;
    }
    const ReadContext::Step step(context, fields[i].name);
    if ((seen >> i & 1) != 0) context.Fail("given twice");
    seen |= std::uint64_t{1} << i;
    if (fields[i].refusal.empty()) {
      fields[i].read(context, value, into, fields[i]);
    } else {
      RefuseNotImplemented(context, value, fields[i].refusal);
    }
  }
  for (std::size_t i = 0; i < N; ++i) {
    if ((seen >> i & 1) == 0 && !fields[i].required.empty()) {
      context.Fail("is required; " + std::string(fields[i].required),
                   {{std::string(fields[i].name)}});
    }
  }
}

template <typename T, std::size_t N>
void DescribeFields(const std::array<Field<T>, N>& fields, const std::string& prefix,
                    std::vector<KnownField>& into) {
  for (const auto& field : fields) {
    const std::string path =
        prefix.empty() ? std::string(field.name) : prefix + "." + std::string(field.name);
    field.describe(field, path, into);
  }
}

}  // namespace purser::api
