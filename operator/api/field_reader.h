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
#include <type_traits>
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

// ---- Kinds of fields ----

template <typename C, typename M>
C ClassOf(M C::*);
template <auto kMember>
using OwnerOf = decltype(ClassOf(kMember));

template <typename T>
void DescribeRefused(const Field<T>&, const std::string& path, std::vector<KnownField>& into) {
  into.push_back({path, "", false, {}, {}});
}

// Known, not implemented yet.
template <typename T>
constexpr Field<T> Refused(std::string_view name, std::string_view refusal) {
  return {.name = name, .describe = &DescribeRefused<T>, .refusal = refusal};
}

// Adds: must be given.
template <typename T>
constexpr Field<T> Required(Field<T> field, std::string_view how) {
  field.required = how;
  return field;
}

template <auto kMember>
constexpr auto TextField(std::string_view name, TextForm form = &AnyText) {
  using T = OwnerOf<kMember>;
  return Field<T>{
      .name = name,
      .read = [](ReadContext& context, simdjson::dom::element element, T& into,
                 const Field<T>& field) { ReadText(context, element, field.form, into.*kMember); },
      .describe =
          [](const Field<T>&, const std::string& path, std::vector<KnownField>& into) {
            into.push_back({path, "string", true, {}, {}});
          },
      .form = form};
}

// int32, int64 or an optional of them.
template <auto kMember>
constexpr auto IntegerField(std::string_view name, std::int64_t minimum, std::int64_t maximum) {
  using T = OwnerOf<kMember>;
  return Field<T>{
      .name = name,
      .read =
          [](ReadContext& context, simdjson::dom::element element, T& into, const Field<T>& field) {
            std::int64_t value = 0;
            if (!ReadInteger(context, element, field.minimum, field.maximum, value)) return;
            using M = std::remove_cvref_t<decltype(into.*kMember)>;
            if constexpr (std::is_integral_v<M>) {
              into.*kMember = static_cast<M>(value);
            } else {
              into.*kMember = static_cast<typename M::value_type>(value);
            }
          },
      .describe =
          [](const Field<T>& field, const std::string& path, std::vector<KnownField>& into) {
            into.push_back({path, "integer", true, {}, {}, field.minimum, field.maximum});
          },
      .minimum = minimum,
      .maximum = maximum};
}

template <auto kMember>
constexpr auto BooleanField(std::string_view name) {
  using T = OwnerOf<kMember>;
  return Field<T>{
      .name = name,
      .read =
          [](ReadContext& context, simdjson::dom::element element, T& into, const Field<T>&) {
            if (element.get(into.*kMember) != simdjson::SUCCESS) {
              context.Fail(Shown(element) + " is not true or false");
            }
          },
      .describe =
          [](const Field<T>&, const std::string& path, std::vector<KnownField>& into) {
            into.push_back({path, "boolean", true, {}, {}});
          }};
}

// std::chrono::milliseconds or an optional of them, written as "15s".
template <auto kMember>
constexpr auto DurationField(std::string_view name, std::chrono::milliseconds minimum,
                             std::chrono::milliseconds maximum) {
  using T = OwnerOf<kMember>;
  return Field<T>{
      .name = name,
      .read =
          [](ReadContext& context, simdjson::dom::element element, T& into, const Field<T>& field) {
            std::chrono::milliseconds value{};
            if (ReadDuration(context, element, field.minimum, field.maximum, value)) {
              into.*kMember = value;
            }
          },
      .describe =
          [](const Field<T>&, const std::string& path, std::vector<KnownField>& into) {
            into.push_back({path, "string", true, {}, {}});
          },
      .minimum = minimum.count(),
      .maximum = maximum.count()};
}

template <auto kMember>
constexpr auto TextListField(std::string_view name, TextForm form, std::int64_t most) {
  using T = OwnerOf<kMember>;
  return Field<T>{
      .name = name,
      .read =
          [](ReadContext& context, simdjson::dom::element element, T& into, const Field<T>& field) {
            ReadTextList(context, element, field.form, field.maximum, into.*kMember);
          },
      .describe =
          [](const Field<T>& field, const std::string& path, std::vector<KnownField>& into) {
            into.push_back({path, "array", true, {}, {}, 0, field.maximum});
          },
      .form = form,
      .maximum = most};
}

template <auto kMember>
constexpr auto TextMapField(std::string_view name, TextForm key_form, TextForm form,
                            std::int64_t most) {
  using T = OwnerOf<kMember>;
  return Field<T>{
      .name = name,
      .read =
          [](ReadContext& context, simdjson::dom::element element, T& into, const Field<T>& field) {
            ReadTextMap(context, element, field.key_form, field.form, field.maximum, into.*kMember);
          },
      .describe =
          [](const Field<T>&, const std::string& path, std::vector<KnownField>& into) {
            into.push_back({path, "object", true, {}, {}});
          },
      .form = form,
      .key_form = key_form,
      .maximum = most};
}

template <const auto& kChoices>
void DescribeChoices(const std::string& path, std::vector<KnownField>& into) {
  KnownField known{path, "string", true, {}, {}};
  for (const auto& choice : kChoices) {
    (choice.refusal.empty() ? known.values : known.refused_values).emplace_back(choice.name);
  }
  into.push_back(std::move(known));
}

template <const auto& kChoices, typename E>
void ReadChoice(ReadContext& context, simdjson::dom::element element, E& into) {
  std::string_view name;
  if (element.get(name) != simdjson::SUCCESS) {
    context.Fail(Shown(element) + " is not text");
    return;
  }
  for (const auto& choice : kChoices) {
    if (choice.name != name) continue;
    if (choice.refusal.empty()) {
      into = choice.value;
    } else {
      context.Fail(Quoted(name) + " is not implemented yet; " + std::string(choice.refusal));
    }
    return;
  }
  std::vector<std::string_view> known;
  for (const auto& choice : kChoices) known.push_back(choice.name);
  FailUnknownChoice(context, name, known);
}

template <auto kMember, const auto& kChoices>
constexpr auto ChoiceField(std::string_view name) {
  using T = OwnerOf<kMember>;
  return Field<T>{
      .name = name,
      .read = [](ReadContext& context, simdjson::dom::element element, T& into,
                 const Field<T>&) { ReadChoice<kChoices>(context, element, into.*kMember); },
      .describe = [](const Field<T>&, const std::string& path,
                     std::vector<KnownField>& into) { DescribeChoices<kChoices>(path, into); }};
}

// A choice with one implemented value: checked, not kept.
template <typename T, const auto& kChoices>
constexpr Field<T> OnlyChoiceField(std::string_view name) {
  return {.name = name,
          .read =
              [](ReadContext& context, simdjson::dom::element element, T&, const Field<T>&) {
                std::remove_cvref_t<decltype(kChoices[0].value)> ignored{};
                ReadChoice<kChoices>(context, element, ignored);
              },
          .describe = [](const Field<T>&, const std::string& path,
                         std::vector<KnownField>& into) { DescribeChoices<kChoices>(path, into); }};
}

template <auto kMember, const auto& kFields>
constexpr auto ObjectField(std::string_view name) {
  using T = OwnerOf<kMember>;
  return Field<T>{
      .name = name,
      .read = [](ReadContext& context, simdjson::dom::element element, T& into,
                 const Field<T>&) { ReadFields(context, element, kFields, into.*kMember); },
      .describe =
          [](const Field<T>&, const std::string& path, std::vector<KnownField>& into) {
            into.push_back({path, "object", true, {}, {}});
            DescribeFields(kFields, path, into);
          }};
}

// An object whose fields are kept in the same struct as its siblings.
template <typename T, const auto& kFields>
constexpr Field<T> InlineObjectField(std::string_view name) {
  return {.name = name,
          .read = [](ReadContext& context, simdjson::dom::element element, T& into,
                     const Field<T>&) { ReadFields(context, element, kFields, into); },
          .describe =
              [](const Field<T>&, const std::string& path, std::vector<KnownField>& into) {
                into.push_back({path, "object", true, {}, {}});
                DescribeFields(kFields, path, into);
              }};
}

template <auto kMember, const auto& kFields>
constexpr auto ObjectListField(std::string_view name, std::int64_t most) {
  using T = OwnerOf<kMember>;
  return Field<T>{
      .name = name,
      .read =
          [](ReadContext& context, simdjson::dom::element element, T& into, const Field<T>& field) {
            const auto list = ReadList(context, element, field.maximum);
            if (!list) return;
            auto& items = into.*kMember;
            items.reserve(list->size());
            std::size_t index = 0;
            for (const auto item : *list) {
              const ReadContext::Step step(context, index++);
              ReadFields(context, item, kFields, items.emplace_back());
            }
          },
      .describe =
          [](const Field<T>& field, const std::string& path, std::vector<KnownField>& into) {
            into.push_back({path, "array", true, {}, {}, 0, field.maximum});
            DescribeFields(kFields, path + "[]", into);
          },
      .maximum = most};
}

}  // namespace purser::api
