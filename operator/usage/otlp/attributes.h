// Attributes by name, whatever type a sender chose for the value.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "money/money.h"
#include "otlp.pb.h"
#include "usage/otlp/decode.h"

namespace purser::usage::otlp {

using KeyValues = google::protobuf::RepeatedPtrField<wire::KeyValue>;

// A view of the attributes of a span, record or point. They must outlive it.
class Attributes {
 public:
  explicit Attributes(const KeyValues& values) : values_(values) {}

  // The first of `names` that is there and not empty; "" none. At most ledger::kLongestName bytes.
  std::string Text(std::initializer_list<std::string_view> names) const;
  // Whole and not negative; nothing: none of `names` is there. `wrong`: the name of one that is
  // neither.
  std::optional<std::int64_t> Count(std::initializer_list<std::string_view> names,
                                    std::string& wrong) const;
  std::optional<Money> Dollars(std::initializer_list<std::string_view> names,
                               std::string& wrong) const;
  // All, sorted by name, as text: an identity.
  std::string Identity() const;

 private:
  const wire::AnyValue* Find(std::string_view name) const;
  const KeyValues& values_;
};

// Who, by the span's or record's own attributes and those of its resource.
void Attribute(const Attributes& own, const Attributes& resource, Call& call);

// Nanoseconds since 1970; what no Timestamp can be is 1970.
Timestamp TimeOf(std::uint64_t nanos);

// 16 bytes or so as hexadecimal digits. Those of JSON bodies, which are such digits read as
// base64, too.
std::string IdText(const std::string& bytes, Encoding encoding);

// Parses `body`. Error kInvalidArgument.
Status Parse(std::string_view body, Encoding encoding, google::protobuf::Message& message);

// A short name for a long text: 64 bits as hexadecimal digits.
std::string HashText(std::string_view text);

}  // namespace purser::usage::otlp
