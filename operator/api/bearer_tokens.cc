#include "api/bearer_tokens.h"

#include <algorithm>
#include <array>
#include <set>

#include "api/field_kinds.h"
#include "api/located_problem.h"
#include "api/yaml_document.h"

namespace purser::api {
namespace {

constexpr std::int64_t kMostTokens = 1000;
constexpr std::int64_t kMostNamespaces = 100;
constexpr std::int64_t kMostRights = 16;
constexpr std::size_t kShortestToken = 20;
constexpr std::size_t kLongestToken = 1024;

struct TokensFile {
  std::vector<BearerToken> tokens;
};

// Never quotes it.
std::string SecretText(std::string_view text) {
  const bool printable = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
  if (printable && text.size() >= kShortestToken && text.size() <= kLongestToken) return "";
  return "want 20 to 1024 letters, digits or signs without spaces, such as `openssl rand -hex 32` "
         "prints";
}

std::string RightName(std::string_view text) {
  static constexpr std::array<std::string_view, 6> kRights = {
      "agentusages", "agentadmissions", "agentroutes", "agentlimits", "agentreports", "agentstops"};
  if (std::ranges::find(kRights, text) != kRights.end()) return "";
  return "want agentusages, agentadmissions, agentroutes, agentlimits, agentreports or agentstops";
}

constexpr std::array kToken = {
    Required(TextField<&BearerToken::name>("name", &DnsLabel), "who holds it, for messages"),
    Required(TextField<&BearerToken::token>("token", &SecretText), "what is sent as the bearer"),
    Required(TextListField<&BearerToken::namespaces>("namespaces", &DnsLabel, kMostNamespaces),
             "those whose agents it speaks for"),
    TextListField<&BearerToken::rights>("rights", &RightName, kMostRights),
};

constexpr std::array kFile = {
    Required(ObjectListField<&TokensFile::tokens, kToken>("tokens", kMostTokens),
             "a list of {name, token, namespaces}"),
};

void CheckTokens(ReadContext& context, const std::vector<BearerToken>& tokens) {
  const ReadContext::Step step(context, "tokens");
  std::set<std::string_view> secrets;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const ReadContext::Step at(context, i);
    if (!secrets.insert(tokens[i].token).second)
      context.Fail("is the token of an earlier one; each has its own", {{"token"}});
    if (tokens[i].namespaces.empty()) context.Fail("is empty; name one", {{"namespaces"}});
  }
}

}  // namespace

Result<std::vector<BearerToken>> ParseBearerTokens(std::string_view yaml, std::string_view file) {
  const auto failed = [&](const YamlPlace& place, const std::string& message) {
    return Error(ErrorCode::kInvalidArgument, LocationText(file, place) + ": " + message);
  };
  const auto text = ParseYaml(yaml);
  if (!text.errors.empty()) return failed(text.errors.front().place, text.errors.front().message);
  if (text.documents.size() != 1) return failed({}, "want one document with a list of tokens");
  std::vector<LocatedProblem> problems;
  ReadContext context(UnknownFields::kReject);
  TokensFile tokens;
  const auto read =
      ReadDocument(text.documents.front(), context, problems, [&](simdjson::dom::element root) {
        ReadFields(context, root, kFile, tokens);
        if (!context.Failed("tokens")) CheckTokens(context, tokens.tokens);
        return Ok();
      });
  if (!problems.empty()) return failed(problems.front().place, problems.front().message);
  if (!read.ok()) return read.error();
  return std::move(tokens.tokens);
}

}  // namespace purser::api
