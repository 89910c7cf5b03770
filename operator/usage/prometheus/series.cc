#include "usage/prometheus/series.h"

#include <openssl/sha.h>

#include <array>

#include "base/utf8.h"
#include "usage/prometheus/problem.h"

namespace purser::usage {
namespace {

constexpr std::size_t kDescribed = 200;

// Lengths first, so that no two lists of strings give the same bytes.
void Append(std::string& buffer, std::string_view text) {
  const std::uint64_t size = text.size();
  for (int shift = 0; shift < 64; shift += 8)
    buffer.push_back(static_cast<char>((size >> shift) & 0xff));
  buffer.append(text);
}

std::uint64_t BigEndian(const unsigned char* bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
  return value;
}

std::string_view Find(std::span<const Label> labels, std::string_view name) {
  for (const auto& label : labels) {
    if (label.name == name) return label.value;
  }
  return {};
}

}  // namespace

std::string Printable(std::string_view text, std::size_t limit) {
  std::string printable;
  for (const char c : text.substr(0, limit)) printable += (c < ' ' || c > '~') ? '?' : c;
  if (text.size() > limit) printable += "...";
  return printable;
}

SeriesIdentifier::SeriesIdentifier(std::string_view source) {
  Append(buffer_, source);
  prefix_ = buffer_.size();
}

SeriesId SeriesIdentifier::Identify(std::span<const Label> labels) {
  buffer_.resize(prefix_);
  for (const auto& label : labels) {
    Append(buffer_, label.name);
    Append(buffer_, label.value);
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(buffer_.data()), buffer_.size(), digest.data());
  return {BigEndian(digest.data()), BigEndian(digest.data() + 8)};
}

Attribution Attribute(const api::SourceConfig& source, std::span<const Label> labels) {
  Attribution attribution;
  const auto name_of = [&](const std::string& label) {
    const auto value = Find(labels, label);
    if (value.size() <= ledger::kLongestName) return value;
    attribution.shortened = true;
    return std::string_view();
  };
  const auto text_of = [&](const std::string& label) {
    const auto value = Find(labels, label);
    if (value.size() <= ledger::kLongestName) return value;
    attribution.shortened = true;
    return CutUtf8(value, ledger::kLongestName);
  };
  const auto& labels_of = source.prometheus.labels;
  const auto label_of = [](const std::optional<api::LabelRule>& rule, const char* standard) {
    return rule && !rule->from.empty() ? rule->from.front() : std::string(standard);
  };
  auto& key = attribution.key;
  key.source = source.name;
  key.ns = name_of(label_of(labels_of.ns, "namespace"));
  key.agent = name_of(label_of(labels_of.agent, "agent"));
  key.model = text_of(label_of(labels_of.model, "model"));
  key.task = text_of(label_of(labels_of.task, "task"));
  key.workflow = text_of(label_of(labels_of.workflow, "workflow"));
  attribution.unattributed = key.ns.empty() || key.agent.empty();
  return attribution;
}

std::string Describe(std::span<const Label> labels) {
  std::string text(Find(labels, "__name__"));
  text += '{';
  bool first = true;
  for (const auto& label : labels) {
    if (label.name == "__name__") continue;
    if (text.size() > kDescribed) break;
    if (!first) text += ',';
    first = false;
    text.append(label.name).append("=\"").append(label.value.substr(0, kDescribed)).append("\"");
  }
  text += '}';
  return Printable(text, kDescribed);
}

}  // namespace purser::usage
