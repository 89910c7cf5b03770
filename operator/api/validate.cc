// Findings of `purser validate`: manifests and configuration read from YAML, without a cluster.
#include <algorithm>
#include <tuple>

#include "api/agent_budget_override.h"
#include "api/config.h"
#include "api/located_problem.h"
#include "api/resource_root.h"

namespace purser::api {
namespace {

std::string TextAt(const YamlNode& node, std::string_view key) {
  const auto* value = node.Find(key);
  return value == nullptr ? "" : value->text;
}

// "AgentBudget agents/x"
std::string NameOf(const YamlNode& document) {
  std::string name = TextAt(document, "kind");
  const auto* metadata = document.Find("metadata");
  if (metadata == nullptr || TextAt(*metadata, "name").empty()) return name;
  const auto ns = TextAt(*metadata, "namespace");
  return name + " " + (ns.empty() ? "" : ns + "/") + TextAt(*metadata, "name");
}

Status CheckPool(simdjson::dom::element root, ReadContext& context) {
  const auto pool = DecodeAgentPool(root, context);
  if (!pool) return pool.error();
  return Ok();
}

Status CheckBudget(simdjson::dom::element root, ReadContext& context,
                   const WindowCheck& check_window) {
  const auto budget = DecodeAgentBudget(root, context);
  if (!budget) return budget.error();
  if (!check_window) return Ok();
  if (const auto window = check_window(budget->spec.window); !window.ok())
    context.Fail(window.error().message(), {{"spec"}, {"window"}, {"timeZone"}});
  return Ok();
}

Status CheckCorrection(simdjson::dom::element root, ReadContext& context) {
  const auto correction = DecodeSpendCorrection(root, context);
  if (!correction) return correction.error();
  return Ok();
}

Status CheckOverride(simdjson::dom::element root, ReadContext& context) {
  const auto one = DecodeAgentBudgetOverride(root, context);
  if (!one) return one.error();
  return Ok();
}

void ValidateDocument(const YamlNode& document, std::vector<LocatedProblem>& problems,
                      const WindowCheck& check_window) {
  if (document.kind != YamlNode::Kind::kMap) {
    problems.push_back({document.place, "want an object with apiVersion and kind"});
    return;
  }
  const auto api_version = TextAt(document, "apiVersion");
  const auto kind = TextAt(document, "kind");
  if (api_version == kConfigApiVersion && kind == kConfigKind) {
    static_cast<void>(ReadOperatorConfig(document, problems).ok());
    return;
  }
  const bool known = kind == "AgentPool" || kind == "AgentBudget" ||
                     kind == "AgentBudgetOverride" || kind == "SpendCorrection";
  if (api_version != kApiVersion || !known) {
    const std::vector<PathStep> where = {
        {document.Find("kind") == nullptr ? "apiVersion" : "kind"}};
    problems.push_back({Locate(document, where),
                        Quoted(api_version) + " " + Quoted(kind) + " is not known here; want " +
                            std::string(kApiVersion) +
                            " AgentPool, AgentBudget, AgentBudgetOverride or SpendCorrection, or " +
                            std::string(kConfigApiVersion) + " " + std::string(kConfigKind)});
    return;
  }
  ReadContext context(UnknownFields::kReject);
  static_cast<void>(ReadDocument(document, context, problems, [&](simdjson::dom::element root) {
                      if (kind == "AgentPool") return CheckPool(root, context);
                      if (kind == "AgentBudgetOverride") return CheckOverride(root, context);
                      if (kind == "SpendCorrection") return CheckCorrection(root, context);
                      return CheckBudget(root, context, check_window);
                    }).ok());
}

}  // namespace

Status ReadDocument(const YamlNode& document, ReadContext& context,
                    std::vector<LocatedProblem>& problems,
                    const std::function<Status(simdjson::dom::element)>& read) {
  const auto failed = Error(ErrorCode::kInvalidArgument, "the document has problems");
  YamlPlace where = document.place;
  const auto json = ToJson(document, where);
  if (!json) {
    problems.push_back({where, json.error().message()});
    return failed;
  }
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (const auto error = parser.parse(*json).get(root); error != simdjson::SUCCESS) {
    problems.push_back(
        {document.place, std::string("can't be read: ") + simdjson::error_message(error)});
    return failed;
  }
  const auto before = problems.size();
  if (const auto status = read(root); !status.ok()) {
    // Such an error is about the metadata.
    problems.push_back({Locate(document, {{"metadata"}}), status.error().message()});
  }
  for (const auto& problem : context.problems()) {
    const auto path = problem.PathText();
    problems.push_back(
        {Locate(document, problem.path), (path.empty() ? "" : path + ": ") + problem.message});
  }
  std::stable_sort(problems.begin() + static_cast<std::ptrdiff_t>(before), problems.end(),
                   [](const LocatedProblem& a, const LocatedProblem& b) {
                     return std::tie(a.place.line, a.place.column) <
                            std::tie(b.place.line, b.place.column);
                   });
  if (problems.size() == before) return Ok();
  return failed;
}

std::vector<Finding> ValidateFile(std::string_view yaml, std::string_view file,
                                  const WindowCheck& check_window) {
  const auto text = ParseYaml(yaml);
  std::vector<Finding> findings;
  for (const auto& document : text.documents) {
    std::vector<LocatedProblem> problems;
    ValidateDocument(document, problems, check_window);
    const auto name = Visible(NameOf(document));
    for (const auto& problem : problems) {
      findings.push_back(
          {LocationText(file, problem.place), (name.empty() ? "" : name + ": ") + problem.message});
    }
  }
  for (const auto& error : text.errors)
    findings.push_back({LocationText(file, error.place), error.message});
  if (text.documents.empty() && text.errors.empty()) {
    findings.push_back({LocationText(file, {}), "holds no document"});
  }
  return findings;
}

}  // namespace purser::api
