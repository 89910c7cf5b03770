#include "usage/records/record.h"

#include <algorithm>

#include "ledger/spend_key.h"

namespace purser::usage::records {
namespace {

bool Printable(std::string_view text) {
  return std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool IsNamespace(std::string_view text) {
  const auto inner = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= 63 && inner(text.front()) && inner(text.back()) &&
         std::ranges::all_of(text, [&](char c) { return inner(c) || c == '-'; });
}

std::string Shown(std::string_view text) {
  std::string shown(text.substr(0, 60));
  std::ranges::replace_if(
      shown, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
  return "\"" + shown + "\"";
}

std::string NameProblem(std::string_view field, std::string_view name, bool required) {
  const std::string start = std::string(field) + ": ";
  if (name.empty()) return required ? start + "is required" : "";
  if (name.size() > ledger::kLongestName)
    return start + "of " + std::to_string(name.size()) + " bytes; up to " +
           std::to_string(ledger::kLongestName) + " are kept";
  return Printable(name) ? "" : start + Shown(name) + " holds control characters";
}

std::string CountProblem(std::string_view field, std::int64_t count) {
  if (count >= 0 && count <= kMostTokens) return "";
  return std::string(field) + ": " + std::to_string(count) + " is not between 0 and " +
         std::to_string(kMostTokens);
}

}  // namespace

std::string_view AdmissionOf(const Record& record) {
  if (!record.admission.empty()) return record.admission;
  return record.id.starts_with(kAdmissionPrefix) ? std::string_view(record.id) : "";
}

std::string WhatIsWrong(const Record& record) {
  if (record.id.empty()) return "id: is required; the same for a record that is sent again";
  if (record.id.size() > kLongestId)
    return "id: of " + std::to_string(record.id.size()) + " bytes; up to " +
           std::to_string(kLongestId);
  if (!Printable(record.id)) return "id: holds control characters";
  if (record.admission.size() > kLongestId || !Printable(record.admission))
    return "admission: want the id of an admission, as POST /v1/admissions answered it";
  if (record.ns.empty()) return "namespace: is required; the caller has none of its own";
  if (!IsNamespace(record.ns)) return "namespace: " + Shown(record.ns) + " is no namespace's name";
  for (const auto& problem :
       {NameProblem("agent", record.agent, true), NameProblem("model", record.model, false),
        NameProblem("task", record.task, false), NameProblem("workflow", record.workflow, false),
        NameProblem("pool", record.pool, false), NameProblem("provider", record.provider, false),
        NameProblem("parent", record.parent, false),
        CountProblem("inputTokens", record.tokens.input),
        CountProblem("outputTokens", record.tokens.output),
        CountProblem("cachedTokens", record.tokens.cached),
        CountProblem("reasoningTokens", record.tokens.reasoning)}) {
    if (!problem.empty()) return problem;
  }
  if (record.tokens.cached > record.tokens.input)
    return "cachedTokens: more than inputTokens, of which they are a part";
  if (record.tokens.reasoning > record.tokens.output)
    return "reasoningTokens: more than outputTokens, of which they are a part";
  if (record.latency_ms < 0)
    return "latencyMs: " + std::to_string(record.latency_ms) + " is negative";
  if (record.cost && *record.cost < Money()) return "costUSD: is negative";
  if (!record.cost && record.model.empty() && record.tokens != Tokens())
    return "model: is required where there is no costUSD, for its price";
  return "";
}

}  // namespace purser::usage::records
