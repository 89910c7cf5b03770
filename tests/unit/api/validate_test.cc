#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "api/config.h"

namespace purser::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::vector<std::string> Findings(const std::string& yaml) {
  std::vector<std::string> texts;
  for (const auto& finding : ValidateFile(yaml, "f.yaml"))
    texts.push_back(finding.location + ": " + finding.message);
  return texts;
}

constexpr const char* kBudget =
    "apiVersion: purser.dev/v1alpha1\n"
    "kind: AgentBudget\n"
    "metadata: {name: daily, namespace: agents}\n";

TEST(ValidateTest, GoodDocumentsGiveNoFinding) {
  EXPECT_THAT(Findings(std::string(kBudget) + "spec: {limit: \"50\", scope: {pools: [a]}}\n" +
                       "---\n"
                       "apiVersion: purser.dev/v1alpha1\n"
                       "kind: AgentPool\n"
                       "metadata: {name: a}\n"
                       "spec:\n"
                       "  maxConcurrency: 2\n"
                       "  agents:\n"
                       "  - {name: a, workloadRef: {kind: Deployment, name: a}}\n"
                       "---\n"
                       "apiVersion: config.purser.dev/v1alpha1\n"
                       "kind: OperatorConfig\n"
                       "sources: [{name: default, prometheus: {url: http://p, metric: m}}]\n"),
              IsEmpty());
}

TEST(ValidateTest, AWindowThatCannotBeComputedIsAFindingAtItsZone) {
  const auto findings =
      ValidateFile(std::string(kBudget) +
                       "spec: {limit: \"50\", scope: {pools: [a]}, window: {timeZone: Mars}}\n",
                   "f.yaml", [](const WindowSpec& window) -> Status {
                     if (window.time_zone == "UTC") return Ok();
                     return Error(ErrorCode::kInvalidArgument, window.time_zone + " is not known");
                   });
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].location, "f.yaml:4:51");
  EXPECT_EQ(findings[0].message,
            "AgentBudget agents/daily: spec.window.timeZone: Mars is not known");
}

TEST(ValidateTest, EveryFindingHasItsPlaceAndItsObject) {
  EXPECT_THAT(
      Findings(std::string(kBudget) + "spec:\n"
                                      "  limit: 50\n"
                                      "  scope:\n"
                                      "    pools: [research, Support]\n"
                                      "  window:\n"
                                      "    type: Rolling\n"
                                      "  burnRate: []\n"),
      ElementsAre(
          "f.yaml:5:3: AgentBudget agents/daily: spec.limit: 50 is not text; write it in quotes: "
          "\"50\"",
          "f.yaml:7:23: AgentBudget agents/daily: spec.scope.pools[1]: \"Support\": want the name "
          "of an "
          "AgentPool, or \"*\" alone for the whole namespace",
          "f.yaml:8:3: AgentBudget agents/daily: spec.window.period: a Rolling window has a "
          "duration "
          "of whole minutes from 5m to 2160h, such as 24h",
          "f.yaml:10:3: AgentBudget agents/daily: spec.burnRate: unknown field; did you mean "
          "\"burnRates\"?"));
}

TEST(ValidateTest, EachDocumentIsLookedAt) {
  EXPECT_THAT(
      Findings("apiVersion: v1\nkind: ConfigMap\n"
               "---\n"
               "just text\n"
               "---\n"
               "apiVersion: purser.dev/v1alpha1\nkind: AgentPool\nspec: {}\n"
               "---\n"
               "apiVersion: config.purser.dev/v1alpha1\nkind: OperatorConfig\nsources: []\nprices: "
               "{rate: 1}\n"
               "---\n"
               "a: *b\n"),
      ElementsAre(
          "f.yaml:2:1: ConfigMap: \"v1\" \"ConfigMap\" is not known here; want purser.dev/v1alpha1 "
          "AgentPool, AgentBudget, AgentBudgetOverride or SpendCorrection, or "
          "config.purser.dev/v1alpha1 OperatorConfig",
          "f.yaml:4:1: want an object with apiVersion and kind",
          "f.yaml:6:1: AgentPool: metadata: is required; want an object with a name",
          "f.yaml:12:1: OperatorConfig: sources: is empty; list at least one source, and name one "
          "\"default\"",
          "f.yaml:13:10: OperatorConfig: prices.rate: unknown field; known here: file, "
          "unknownModel",
          ::testing::StartsWith("f.yaml:15:4: ")));
}

TEST(ValidateTest, MetadataAndAmbiguousValues) {
  EXPECT_THAT(
      Findings(
          "apiVersion: purser.dev/v1alpha1\nkind: AgentBudget\nmetadata: {name: 5}\nspec: {}\n"),
      ElementsAre("f.yaml:3:1: AgentBudget 5: metadata.name: 5 is not text"));
  EXPECT_THAT(
      Findings("apiVersion: purser.dev/v1alpha1\nkind: AgentBudget\nmetadata:\n"
               "  name: Bad Name\n  namespace: NS!\n  annotations: [x]\n  labels: {a: 1}\n"
               "spec: {limit: \"5\", scope: {pools: [a]}}\n"),
      ElementsAre(
          StartsWith("f.yaml:4:3: AgentBudget NS!/Bad Name: metadata.name: \"Bad Name\": "),
          StartsWith("f.yaml:5:3: AgentBudget NS!/Bad Name: metadata.namespace: \"NS!\": "),
          StartsWith("f.yaml:6:3: AgentBudget NS!/Bad Name: metadata.annotations: want an "),
          StartsWith("f.yaml:7:12: AgentBudget NS!/Bad Name: metadata.labels.a: 1 is not ")));
  EXPECT_THAT(
      Findings(std::string(kBudget) + "spec: {limit: 050}\n"),
      ElementsAre(
          "f.yaml:4:15: AgentBudget agents/daily: \"050\" may be read as a number; write a plain "
          "decimal, or text in quotes"));
  EXPECT_THAT(Findings("# nothing\n"), ElementsAre("f.yaml:1:1: holds no document"));
}

std::string TextOf(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

TEST(ValidateTest, AManifestCannotSteerTheTerminal) {
  const auto findings = Findings(
      "apiVersion: purser.dev/v1alpha1\n"
      "kind: AgentBudget\n"
      "metadata: {name: \"b\\e[31m\"}\n"
      "spec: {limit: \"5\", scope: {pools: [a]}, \"mo\\x07de\": x}\n"
      "---\n"
      "kind: \"Se\\ncret\"\n");
  EXPECT_THAT(
      findings,
      ElementsAre(
          StartsWith("f.yaml:3:12: AgentBudget b?[31m: metadata.name: \"b?[31m\": want"),
          StartsWith("f.yaml:4:41: AgentBudget b?[31m: spec.mo?de: unknown field; did you mean"),
          StartsWith("f.yaml:6:1: Se?cret: ")));
}

// The manifests that tests/integration/crds tries on a real API server, and the examples.
TEST(ValidateTest, ManifestsAreJudgedAsTheApiServerJudgesThem) {
  struct Case {
    std::string folder;
    bool want_good;
    int at_least;
  };
  const std::vector<Case> cases = {{"examples", true, 2},
                                   {"tests/integration/crds/good", true, 18},
                                   {"tests/integration/crds/bad", false, 40}};
  // The names look well: the database of zones knows none of them, which `purser validate` asks.
  const std::vector<std::string> zones = {"budget-window-zone-case", "budget-window-zone-city",
                                          "budget-window-zone-local", "budget-window-zone-unknown"};
  for (const auto& c : cases) {
    int files = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(PURSER_SOURCE_DIR "/" + c.folder)) {
      if (entry.path().extension() != ".yaml") continue;
      if (std::ranges::find(zones, entry.path().stem().string()) != zones.end()) continue;
      const auto findings = Findings(TextOf(entry.path()));
      EXPECT_EQ(findings.empty(), c.want_good)
          << entry.path() << (findings.empty() ? "" : ": " + findings.front());
      ++files;
    }
    EXPECT_GE(files, c.at_least) << c.folder;
  }
}

}  // namespace
}  // namespace purser::api
