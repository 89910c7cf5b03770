// The fields of a SpendCorrection, and what must hold between them.
#include "api/spend_correction.h"

#include <array>
#include <string>

#include "api/field_kinds.h"
#include "api/resource_root.h"
#include "base/time_text.h"

namespace purser::api {
namespace {

constexpr std::int64_t kLargest = INT64_MAX;
// What JSON numbers hold exactly in every client.
constexpr std::int64_t kLargestDoubt = (std::int64_t{1} << 53) - 1;
constexpr std::size_t kLongestReason = 4096;  // 1,024 characters

constexpr std::array kDecisions = {
    Choice<DoubtDecision>{"Accept", DoubtDecision::kAccept},
    Choice<DoubtDecision>{"Reject", DoubtDecision::kReject},
};

std::string ReasonText(std::string_view text) {
  if (!text.empty() && text.size() <= kLongestReason) return "";
  return "want why, for whoever approves it and reads the journal, in 1 to 1024 characters";
}

void DescribeText(const Field<SpendCorrectionSpec>&, const std::string& path,
                  std::vector<KnownField>& into) {
  into.push_back({path, "string", true, {}, {}});
}

void ReadAmount(ReadContext& context, simdjson::dom::element element, SpendCorrectionSpec& into,
                const Field<SpendCorrectionSpec>&) {
  std::string text;
  if (!ReadText(context, element, &AnyText, text)) return;
  const bool negative = text.starts_with('-');
  const auto amount = Money::ParseLimit(std::string_view(text).substr(negative ? 1 : 0));
  if (!amount || amount->nanos() == 0) {
    context.Fail(
        Quoted(text) +
        ": want a decimal amount in USD that is not 0, such as \"-12.5\" or \"0.25\": up to "
        "9 digits and 9 decimals, \"-\" for what was never spent");
    return;
  }
  into.amount = negative ? Money() - *amount : *amount;
}

void ReadAt(ReadContext& context, simdjson::dom::element element, SpendCorrectionSpec& into,
            const Field<SpendCorrectionSpec>&) {
  std::string text;
  if (!ReadText(context, element, &AnyText, text)) return;
  const auto at = ParseRfc3339(text);
  if (!at || *at < Timestamp()) {
    context.Fail(Quoted(text) + ": want a time such as \"2026-11-27T10:15:00Z\"");
    return;
  }
  into.at = *at;
}

constexpr std::array kSpec = {
    TextField<&SpendCorrectionSpec::source>("source", &DnsLabel),
    TextField<&SpendCorrectionSpec::agent>("agent", &AgentName),
    TextField<&SpendCorrectionSpec::model>("model", &AgentName),
    Field<SpendCorrectionSpec>{.name = "amount", .read = &ReadAmount, .describe = &DescribeText},
    Field<SpendCorrectionSpec>{.name = "at", .read = &ReadAt, .describe = &DescribeText},
    IntegerField<&SpendCorrectionSpec::doubt>("doubt", 1, kLargestDoubt),
    ChoiceField<&SpendCorrectionSpec::decision, kDecisions>("decision"),
    Required(TextField<&SpendCorrectionSpec::reason>("reason", &ReasonText),
             "why, for whoever approves it and reads the journal"),
};

constexpr std::array kStatus = {
    IntegerField<&SpendCorrectionStatus::observed_generation>("observedGeneration", 0, kLargest),
    TextField<&SpendCorrectionStatus::state>("state"),
    TextField<&SpendCorrectionStatus::approved_by>("approvedBy"),
    IntegerField<&SpendCorrectionStatus::entry>("entry", 1, kLargest),
    TextField<&SpendCorrectionStatus::booked>("booked"),
    ObjectListField<&SpendCorrectionStatus::conditions, kConditionFields>("conditions",
                                                                          kMostConditions),
};

bool Given(simdjson::dom::element spec, const char* name) {
  simdjson::dom::element value;
  return spec[name].get(value) == simdjson::SUCCESS && !value.is_null();
}

void ReadSpec(ReadContext& context, simdjson::dom::element spec, SpendCorrectionSpec& into) {
  const ReadContext::Step step(context, "spec");
  ReadFields(context, spec, kSpec, into);
  if (!spec.is_object()) return;
  const bool doubt = Given(spec, "doubt");
  if (doubt == Given(spec, "amount")) {
    context.Fail(
        "want either amount (with agent and at) or doubt (with decision): a correction books an "
        "amount of its own, or decides about money that is held");
    return;
  }
  for (const char* name : {"source", "agent", "model", "at"}) {
    if (doubt && Given(spec, name))
      context.Fail("remove it: the held entry that doubt names says it", {{name}});
  }
  for (const char* name : {"agent", "at"}) {
    if (!doubt && !Given(spec, name)) context.Fail("is required with amount", {{name}});
  }
  if (doubt && !Given(spec, "decision"))
    context.Fail("is required with doubt: Accept or Reject", {{"decision"}});
  if (!doubt && Given(spec, "decision"))
    context.Fail("remove it: it goes with doubt", {{"decision"}});
}

}  // namespace

Result<SpendCorrection> DecodeSpendCorrection(simdjson::dom::element object, ReadContext& context) {
  return DecodeResource<SpendCorrection, kStatus>(object, context, "SpendCorrection", &ReadSpec);
}

Result<SpendCorrection> DecodeSpendCorrection(simdjson::dom::element object,
                                              UnknownFields unknown) {
  ReadContext context(unknown);
  return DecodeSpendCorrection(object, context);
}

std::vector<KnownField> SpendCorrectionFields() { return DescribeResource(kSpec, kStatus); }

std::string_view ToString(DoubtDecision decision) { return NameOf(kDecisions, decision); }

}  // namespace purser::api
