#include "usage/otlp/attributes.h"

#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include "base/base64.h"
#include "base/json_depth.h"
#include "ledger/spend_key.h"
#include "ledger/store.h"

namespace purser::usage::otlp {
namespace {

std::string TextOf(const wire::AnyValue& value) {
  switch (value.value_case()) {
    case wire::AnyValue::kStringValue:
      return value.string_value();
    case wire::AnyValue::kBoolValue:
      return value.bool_value() ? "true" : "false";
    case wire::AnyValue::kIntValue:
      return std::to_string(value.int_value());
    case wire::AnyValue::kDoubleValue: {
      std::array<char, 64> text{};
      const auto end = std::to_chars(text.data(), text.data() + text.size(), value.double_value());
      return {text.data(), end.ptr};
    }
    default:
      return "";
  }
}

}  // namespace

const wire::AnyValue* Attributes::Find(std::string_view name) const {
  for (const auto& each : values_) {
    if (each.key() == name) return &each.value();
  }
  return nullptr;
}

std::string Attributes::Text(std::initializer_list<std::string_view> names) const {
  for (const auto name : names) {
    const auto* value = Find(name);
    if (value == nullptr) continue;
    auto text = TextOf(*value);
    if (!text.empty()) return ledger::CutText(text, ledger::kLongestName);
  }
  return "";
}

std::optional<std::int64_t> Attributes::Count(std::initializer_list<std::string_view> names,
                                              std::string& wrong) const {
  for (const auto name : names) {
    const auto* value = Find(name);
    if (value == nullptr || TextOf(*value).empty()) continue;
    if (value->value_case() == wire::AnyValue::kIntValue && value->int_value() >= 0)
      return value->int_value();
    const auto count = ParseScaled(TextOf(*value), 0);
    const bool whole = value->value_case() != wire::AnyValue::kDoubleValue ||
                       std::floor(value->double_value()) == value->double_value();
    if (count.ok() && whole) return *count;
    wrong = name;
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Money> Attributes::Dollars(std::initializer_list<std::string_view> names,
                                         std::string& wrong) const {
  for (const auto name : names) {
    const auto* value = Find(name);
    if (value == nullptr || TextOf(*value).empty()) continue;
    const auto money = Money::ParseSample(TextOf(*value));
    if (money.ok()) return *money;
    wrong = name;
    return std::nullopt;
  }
  return std::nullopt;
}

std::string Attributes::Identity() const {
  std::vector<std::string> parts;
  for (const auto& each : values_)
    parts.push_back(each.key() + '\x1f' + each.value().SerializeAsString() + '\x1e');
  std::sort(parts.begin(), parts.end());
  std::string identity;
  for (const auto& part : parts) identity += part;
  return identity;
}

void Attribute(const Attributes& own, const Attributes& resource, Call& call) {
  const auto first = [&](std::initializer_list<std::string_view> names) {
    auto text = own.Text(names);
    return text.empty() ? resource.Text(names) : text;
  };
  call.agent = first({"purser.agent"});
  if (call.agent.empty()) call.agent = own.Text({"gen_ai.agent.name"});
  call.ns = first({"purser.namespace", "k8s.namespace.name"});
  call.pod_uid = first({"k8s.pod.uid"});
  call.provider = own.Text({"gen_ai.provider.name", "gen_ai.system", "llm.system"});
  call.model = own.Text({"gen_ai.response.model", "gen_ai.request.model", "model",
                         "llm.response.model", "llm.request.model"});
  call.task = first({"purser.task", "gen_ai.task.id"});
  call.workflow = first({"purser.workflow", "gen_ai.workflow.name", "workflow.run_id"});
  call.session = first({"gen_ai.conversation.id", "session.id"});
  call.admission = own.Text({"purser.admission"});
}

Timestamp TimeOf(std::uint64_t nanos) {
  if (nanos > static_cast<std::uint64_t>(INT64_MAX)) return {};
  return Timestamp(Duration(static_cast<std::int64_t>(nanos / 1'000'000)));
}

std::string IdText(const std::string& bytes, Encoding encoding) {
  if (bytes.empty()) return "";
  if (encoding == Encoding::kJson) return EncodeBase64(bytes);
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes.substr(0, 32)) {
    text += kDigits[static_cast<unsigned char>(byte) >> 4U];
    text += kDigits[static_cast<unsigned char>(byte) & 15U];
  }
  return text;
}

Status Parse(std::string_view body, Encoding encoding, google::protobuf::Message& message) {
  // A sender's bad bytes are told to the sender, not to the operator's log by the library.
  [[maybe_unused]] static const auto quiet = google::protobuf::SetLogHandler(nullptr);
  if (encoding == Encoding::kProtobuf) {
    if (body.size() <= INT32_MAX &&
        message.ParseFromArray(body.data(), static_cast<int>(body.size())))
      return Ok();
    return Error(ErrorCode::kInvalidArgument,
                 "the body is no OTLP document in protobuf; want what Content-Type says, "
                 "application/x-protobuf or application/json");
  }
  if (!DepthWithin(body))
    return Error(ErrorCode::kInvalidArgument, "the body is nested more than 64 levels deep");
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto parsed = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(body.data(), body.size()), &message, options);
  if (parsed.ok()) return Ok();
  return Error(ErrorCode::kInvalidArgument,
               "the body is no OTLP document in JSON: " +
                   ledger::CutText(std::string(parsed.message()), 200));
}

std::string HashText(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), hash, 16);
  return {digits.data(), end.ptr};
}

std::optional<Encoding> EncodingOf(std::string_view content_type) {
  std::string kind(content_type.substr(0, content_type.find(';')));
  while (!kind.empty() && kind.back() == ' ') kind.pop_back();
  std::transform(kind.begin(), kind.end(), kind.begin(), [](unsigned char letter) {
    return static_cast<char>(letter >= 'A' && letter <= 'Z' ? letter + 32 : letter);
  });
  if (kind == "application/x-protobuf" || kind == "application/protobuf")
    return Encoding::kProtobuf;
  if (kind == "application/json") return Encoding::kJson;
  return std::nullopt;
}

}  // namespace purser::usage::otlp
