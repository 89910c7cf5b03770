#include "plugin/completion.h"

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "plugin/field.h"

namespace purser::plugin {
namespace {

constexpr std::array<std::string_view, 12> kVerbs = {"approve", "correct",  "deny",    "explain",
                                                     "pause",   "requests", "restore", "resume",
                                                     "status",  "stop",     "top",     "topup"};

void AddNames(Session& session, const kube::ResourceType& type, std::string_view prefix,
              std::vector<std::string>& candidates) {
  const auto listed = session.List(type);
  if (!listed) return;
  for (const auto& each : *listed) candidates.push_back(std::string(prefix) + NameOf(each));
}

std::vector<std::string> NamesFor(Session& session, const std::vector<std::string>& words) {
  std::vector<std::string> candidates;
  if (words.empty()) return candidates;
  const auto& verb = words.front();
  const bool first = words.size() == 2;
  if (words.size() == 1) {
    candidates.assign(kVerbs.begin(), kVerbs.end());
  } else if (first && (verb == "stop" || verb == "restore")) {
    AddNames(session, Pools(), "", candidates);
  } else if (first && (verb == "pause" || verb == "resume" || verb == "topup")) {
    AddNames(session, Budgets(), "", candidates);
  } else if (first && (verb == "approve" || verb == "deny")) {
    AddNames(session, Overrides(), "override/", candidates);
    AddNames(session, Corrections(), "correction/", candidates);
  } else if (first && verb == "explain") {
    candidates = {"agent", "budget", "pool"};
  } else if (words.size() == 3 && verb == "explain" && words[1] != "agent") {
    AddNames(session, words[1] == "pool" ? Pools() : Budgets(), "", candidates);
  } else if (words.size() == 3 && verb == "explain") {
    if (const auto pools = session.List(Pools())) {
      for (const auto& pool : *pools)
        for (const auto& agent : ListAt(pool, {"status", "agents"}))
          candidates.push_back(TextAt(agent, {"name"}));
    }
  }
  return candidates;
}

}  // namespace

std::string Complete(Session& session, const std::vector<std::string>& words) {
  std::string text;
  for (const auto& each : NamesFor(session, words))
    if (each.starts_with(words.back())) text += each + "\n";
  return text + ":4\n";
}

}  // namespace purser::plugin
