#include "usage/attribution/series_identity.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <new>

#include "usage/attribution/attribution.h"

namespace purser::usage::attribution {
namespace {

constexpr std::array<std::string_view, 3> kOfTheTarget = {"job", "service", "endpoint"};
// What changes when the same client's total is shown by another pod.
constexpr std::array<std::string_view, 10> kOfThePod = {
    "instance", "pod",      "container",    "node",    "pod_name",
    "hostname", "endpoint", "container_id", "pod_uid", "kubernetes_pod_name"};

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

template <typename Names>
bool Has(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Only of tokens: other quantities are told apart by their metric.
std::string_view NameOfKind(Quantity quantity) {
  return IsTokens(quantity) ? UnitOf(quantity) : std::string_view();
}

}  // namespace

void SeriesIdentifier::Free::operator()(EVP_MD* algorithm) const { EVP_MD_free(algorithm); }
void SeriesIdentifier::Free::operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }

SeriesIdentifier::SeriesIdentifier(const SourceRules& rules) : rules_(rules) {
  hash_.algorithm.reset(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  hash_.context.reset(EVP_MD_CTX_new());
  if (!hash_.algorithm || !hash_.context) throw std::bad_alloc();
  Append(buffer_, rules.source);
  prefix_ = buffer_.size();
  const auto read = [&](const std::string& name) {
    if (name == rules.type_label) return true;
    const auto by = [&](const DimensionRule& rule) { return Has(rule.from, name); };
    return by(rules.ns) || by(rules.agent) || by(rules.model) || by(rules.task) ||
           by(rules.workflow);
  };
  std::copy_if(rules.ignore_labels.begin(), rules.ignore_labels.end(), std::back_inserter(ignored_),
               [&](const std::string& name) { return !read(name); });
  std::sort(ignored_.begin(), ignored_.end());
  for (const auto* rule : {&rules.ns, &rules.agent, &rules.model, &rules.task, &rules.workflow})
    who_.insert(who_.end(), rule->from.begin(), rule->from.end());
  who_.insert(who_.end(), {"__name__", rules.type_label});
  std::sort(who_.begin(), who_.end());
}

bool SeriesIdentifier::Ignored(std::string_view name, bool aggregated) const {
  if (!std::binary_search(ignored_.begin(), ignored_.end(), name)) return false;
  return !aggregated || !Has(kOfTheTarget, name);
}

std::string_view SeriesIdentifier::CanonicalName(std::span<const Label> labels) const {
  if (!rules_.one_cost_metric && !rules_.one_metric_a_kind) return {};
  const auto name = LabelValue(labels, "__name__");
  if (rules_.one_cost_metric && Has(rules_.cost_metrics, name)) return rules_.cost_metrics.front();
  if (!rules_.one_metric_a_kind) return {};
  for (const auto& token : rules_.tokens) {
    if (token.name != name) continue;
    if (token.quantity) return NameOfKind(*token.quantity);
    const auto type = ParseTokenType(LabelValue(labels, rules_.type_label));
    return type && !type->total ? NameOfKind(type->quantity) : std::string_view();
  }
  return {};
}

ledger::SeriesId SeriesIdentifier::Digest() const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  // Fails only where memory does.
  if (EVP_DigestInit_ex2(hash_.context.get(), hash_.algorithm.get(), nullptr) != 1 ||
      EVP_DigestUpdate(hash_.context.get(), buffer_.data(), buffer_.size()) != 1 ||
      EVP_DigestFinal_ex(hash_.context.get(), digest.data(), nullptr) != 1)
    throw std::bad_alloc();
  return {BigEndian(digest.data()), BigEndian(digest.data() + 8)};
}

ledger::SeriesId SeriesIdentifier::Raw(std::span<const Label> labels) {
  buffer_.resize(prefix_);
  for (const auto& label : labels) {
    Append(buffer_, label.name);
    Append(buffer_, label.value);
  }
  return Digest();
}

std::uint32_t SeriesIdentifier::Client(std::span<const Label> labels) {
  buffer_.resize(prefix_);
  bool own = false;
  for (const auto& label : labels) {
    if (Ignored(label.name, false) || Has(kOfThePod, label.name)) continue;
    own = own || !std::binary_search(who_.begin(), who_.end(), label.name);
    Append(buffer_, label.name);
    Append(buffer_, label.value);
  }
  return own ? static_cast<std::uint32_t>(Digest().low) | 1u : 0;
}

Identified SeriesIdentifier::Identify(std::span<const Label> labels) {
  Identified identified;
  identified.client = Client(labels);
  identified.raw = Raw(labels);
  identified.identity = identified.raw;
  identified.aggregated =
      LabelValue(labels, "instance").empty() && LabelValue(labels, "pod").empty();
  const auto canonical = CanonicalName(labels);
  const bool plain = canonical.empty() && std::none_of(labels.begin(), labels.end(), [&](auto& l) {
                       return Ignored(l.name, identified.aggregated);
                     });
  if (plain) return identified;
  buffer_.resize(prefix_);
  for (const auto& label : labels) {
    if (Ignored(label.name, identified.aggregated)) continue;
    const bool name = label.name == "__name__";
    if (!canonical.empty() && rules_.one_metric_a_kind && label.name == rules_.type_label) continue;
    Append(buffer_, label.name);
    Append(buffer_, name && !canonical.empty() ? canonical : label.value);
  }
  identified.identity = Digest();
  return identified;
}

}  // namespace purser::usage::attribution
