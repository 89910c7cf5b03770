// The fields of an AgentBudgetOverride, and what must hold between them.
#include <array>
#include <string>

#include "api/agent_budget_override.h"
#include "api/field_kinds.h"
#include "api/resource_root.h"
#include "base/time_text.h"
#include "money/money.h"

namespace purser::api {
namespace {

constexpr std::size_t kLongestReason = 4096;  // 1,024 characters

std::string ReasonText(std::string_view text) {
  if (!text.empty() && text.size() <= kLongestReason) return "";
  return "want why, for whoever approves it, in 1 to 1024 characters";
}

// In any unit: which one, the budget says.
std::string AmountText(std::string_view text) {
  constexpr std::size_t kMostDigits = 15;
  const bool whole = !text.empty() && text.size() <= kMostDigits &&
                     text.find_first_not_of("0123456789") == std::string_view::npos &&
                     (text.size() == 1 || text.front() != '0');
  if (whole || Money::ParseLimit(text)) return "";
  return "want a decimal number in the budget's unit, such as \"20\"";
}

void ReadAt(ReadContext& context, simdjson::dom::element element, AgentBudgetOverrideSpec& into,
            const Field<AgentBudgetOverrideSpec>&) {
  std::string text;
  if (!ReadText(context, element, &AnyText, text)) return;
  into.at = ParseRfc3339(text);
  if (!into.at) context.Fail(Quoted(text) + ": want a time such as \"2026-11-27T18:00:00Z\"");
}

constexpr std::array kExpires = {
    Field<AgentBudgetOverrideSpec>{.name = "at",
                                   .read = &ReadAt,
                                   .describe =
                                       [](const Field<AgentBudgetOverrideSpec>&,
                                          const std::string& path, std::vector<KnownField>& into) {
                                         into.push_back({path, "string", true, {}, {}});
                                       }},
    BooleanField<&AgentBudgetOverrideSpec::until_reset>("untilReset"),
};

constexpr std::array kSpec = {
    Required(TextField<&AgentBudgetOverrideSpec::budget>("budget", &DnsSubdomain),
             "the AgentBudget of this namespace whose limit it changes"),
    TextField<&AgentBudgetOverrideSpec::agent>("agent", &AgentName),
    TextField<&AgentBudgetOverrideSpec::add>("add", &AmountText),
    TextField<&AgentBudgetOverrideSpec::set>("set", &AmountText),
    Required(TextField<&AgentBudgetOverrideSpec::reason>("reason", &ReasonText),
             "why, for whoever approves it"),
    Required(InlineObjectField<AgentBudgetOverrideSpec, kExpires>("expires"),
             "{untilReset: true} or {at: a time}"),
};

constexpr std::array kStatus = {
    IntegerField<&AgentBudgetOverrideStatus::observed_generation>("observedGeneration", 0,
                                                                  INT64_MAX),
    TextField<&AgentBudgetOverrideStatus::state>("state"),
    TextField<&AgentBudgetOverrideStatus::approved_by>("approvedBy"),
    TextField<&AgentBudgetOverrideStatus::until>("until"),
    ObjectListField<&AgentBudgetOverrideStatus::conditions, kConditionFields>("conditions",
                                                                              kMostConditions),
};

void ReadSpec(ReadContext& context, simdjson::dom::element spec, AgentBudgetOverrideSpec& into) {
  const ReadContext::Step step(context, "spec");
  ReadFields(context, spec, kSpec, into);
  if (!spec.is_object()) return;
  if (into.add.empty() == into.set.empty())
    context.Fail("want either add (on top of the limit) or set (instead of it)");
  if (into.at.has_value() == into.until_reset && !context.Failed("expires"))
    context.Fail("want either at (a time) or untilReset: true", {{"expires"}});
}

}  // namespace

Result<AgentBudgetOverride> DecodeAgentBudgetOverride(simdjson::dom::element object,
                                                      ReadContext& context) {
  auto decoded = DecodeResource<AgentBudgetOverride, kStatus>(object, context,
                                                              "AgentBudgetOverride", &ReadSpec);
  if (!decoded) return decoded;
  std::string_view created;
  if (object["metadata"]["creationTimestamp"].get(created) == simdjson::SUCCESS)
    decoded->created = ParseRfc3339(created);
  std::string_view by;
  if (object["metadata"]["annotations"][kRequestedBy].get(by) == simdjson::SUCCESS)
    decoded->meta.annotations[kRequestedBy] = std::string(by);
  return decoded;
}

Result<AgentBudgetOverride> DecodeAgentBudgetOverride(simdjson::dom::element object,
                                                      UnknownFields unknown) {
  ReadContext context(unknown);
  return DecodeAgentBudgetOverride(object, context);
}

std::vector<KnownField> AgentBudgetOverrideFields() { return DescribeResource(kSpec, kStatus); }

}  // namespace purser::api
