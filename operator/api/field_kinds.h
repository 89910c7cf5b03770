// The kinds of fields a table of field_reader.h is made of. Inside api/ only.
#pragma once

#include <simdjson.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "api/field_reader.h"
#include "money/money.h"

namespace purser::api {

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

// Money, written as a decimal string.
template <auto kMember>
constexpr auto MoneyField(std::string_view name) {
  using T = OwnerOf<kMember>;
  return Field<T>{
      .name = name,
      .read =
          [](ReadContext& context, simdjson::dom::element element, T& into, const Field<T>&) {
            std::string text;
            if (!ReadText(context, element, &AnyText, text)) return;
            const auto amount = Money::ParseLimit(text);
            if (amount) {
              into.*kMember = *amount;
            } else {
              context.Fail(amount.error().message());
            }
          },
      .describe =
          [](const Field<T>&, const std::string& path, std::vector<KnownField>& into) {
            into.push_back({path, "string", true, {}, {}});
          }};
}

// std::vector<std::string> or an optional of it.
template <auto kMember>
constexpr auto TextListField(std::string_view name, TextForm form, std::int64_t most) {
  using T = OwnerOf<kMember>;
  return Field<T>{
      .name = name,
      .read =
          [](ReadContext& context, simdjson::dom::element element, T& into, const Field<T>& field) {
            using M = std::remove_cvref_t<decltype(into.*kMember)>;
            if constexpr (std::is_same_v<M, std::vector<std::string>>) {
              ReadTextList(context, element, field.form, field.maximum, into.*kMember);
            } else {
              ReadTextList(context, element, field.form, field.maximum, (into.*kMember).emplace());
            }
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

// How `value` is written; "Unknown" when no choice means it.
template <typename Choices, typename E>
std::string_view NameOf(const Choices& choices, E value) {
  for (const auto& choice : choices) {
    if (choice.value == value && choice.refusal.empty()) return choice.name;
  }
  return "Unknown";
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

// A boolean, integer or text of up to 253 bytes, kept as its JSON in a std::string.
template <auto kMember>
constexpr auto ScalarField(std::string_view name) {
  using T = OwnerOf<kMember>;
  return Field<T>{.name = name,
                  .read = [](ReadContext& context, simdjson::dom::element element, T& into,
                             const Field<T>&) { ReadScalar(context, element, into.*kMember); },
                  .describe =
                      [](const Field<T>&, const std::string& path, std::vector<KnownField>& into) {
                        into.push_back({path, "scalar", true, {}, {}});
                      }};
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

// An std::optional of a struct: there when the object is.
template <auto kMember, const auto& kFields>
constexpr auto OptionalObjectField(std::string_view name) {
  using T = OwnerOf<kMember>;
  return Field<T>{
      .name = name,
      .read =
          [](ReadContext& context, simdjson::dom::element element, T& into, const Field<T>&) {
            ReadFields(context, element, kFields, (into.*kMember).emplace());
          },
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
