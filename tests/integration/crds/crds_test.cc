// The resources on a real API server: what is refused, what is accepted, how they read.
// bad/ and good/ hold one manifest a file; the first lines of a bad one say what kubectl has to
// print.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/agent_budget_override.h"
#include "api/codec.h"
#include "api/config.h"
#include "base/clock.h"
#include "base/time_text.h"
#include "policy/window.h"
#include "support/cluster.h"
#include "unit/api/full_objects.h"

namespace purser {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;

constexpr const char* kFolder = PURSER_SOURCE_DIR "/tests/integration/crds/";

struct Manifest {
  std::string file;
  std::string text;
  std::vector<std::string> want;
};

std::vector<Manifest> ManifestsIn(const std::string& folder) {
  std::vector<Manifest> manifests;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".yaml") continue;
    Manifest manifest{entry.path().filename(), "", {}};
    std::ifstream stream(entry.path());
    for (std::string line; std::getline(stream, line);) {
      constexpr std::string_view kWant = "# want: ";
      if (line.starts_with(kWant)) manifest.want.push_back(line.substr(kWant.size()));
      manifest.text += line + "\n";
    }
    manifests.push_back(std::move(manifest));
  }
  std::sort(manifests.begin(), manifests.end(),
            [](const auto& a, const auto& b) { return a.file < b.file; });
  return manifests;
}

std::vector<std::string> FindingsOf(const Manifest& manifest) {
  std::vector<std::string> texts;
  const auto check_window = [](const api::WindowSpec& window) -> Status {
    const auto computed = policy::WindowAt(SystemClock().Now(), window);
    return computed ? Ok() : Status(computed.error());
  };
  for (const auto& finding : api::ValidateFile(manifest.text, manifest.file, check_window)) {
    texts.push_back(finding.location + ": " + finding.message);
  }
  return texts;
}

class CrdsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<support::Cluster>("control-plane", PURSER_SOURCE_DIR "/crds");
  }
  static void TearDownTestSuite() { cluster_.reset(); }
  void TearDown() override {
    if (HasFailure()) std::cerr << cluster_->LogTails() << std::endl;
  }

  static support::ProgramResult Kubectl(const std::vector<std::string>& arguments,
                                        const std::string& input = "") {
    return cluster_->Kubectl(arguments, input);
  }
  static std::string Output(const std::vector<std::string>& arguments) {
    const auto result = Kubectl(arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    return result.out;
  }

  static std::unique_ptr<support::Cluster> cluster_;
};

std::unique_ptr<support::Cluster> CrdsTest::cluster_;

TEST_F(CrdsTest, BadManifestsAreRefusedAndTheMessageNamesTheField) {
  const auto manifests = ManifestsIn(std::string(kFolder) + "bad");
  EXPECT_GE(manifests.size(), 150u);
  for (const auto& manifest : manifests) {
    const auto result = Kubectl({"create", "-f", "-"}, manifest.text);
    EXPECT_NE(result.code, 0) << manifest.file << " was accepted";
    EXPECT_THAT(manifest.want, Not(IsEmpty())) << manifest.file;
    for (const auto& want : manifest.want)
      EXPECT_THAT(result.err, HasSubstr(want)) << manifest.file;
    // Without a cluster too.
    EXPECT_THAT(FindingsOf(manifest), Not(IsEmpty()))
        << manifest.file << " is accepted by the decoder";
  }
}

// The decoder must understand what the API server makes of a manifest (defaults filled in) as it
// understands the manifest itself.
void ExpectDecoded(const Json& stored, const std::string& file) {
  simdjson::dom::parser parser;
  const auto text = stored.dump();
  const auto element = parser.parse(text).value();
  if (stored["kind"] == "AgentPool") {
    const auto pool = api::DecodeAgentPool(element, api::UnknownFields::kReject);
    ASSERT_TRUE(pool.ok()) << file;
    EXPECT_EQ(pool->invalid, std::nullopt) << file;
    const auto again = Json::parse(api::EncodeAgentPool(*pool));
    Json want = stored["spec"];
    // An empty list asks for nothing, and none is an empty one.
    if (!want.contains("agents")) want["agents"] = Json::array();
    for (auto& agent : want["agents"]) {
      agent.erase("tasks");
      if (agent.contains("models") && agent["models"].empty()) agent.erase("models");
    }
    EXPECT_EQ(again["spec"], want) << file;
  } else if (stored["kind"] == "AgentBudgetOverride") {
    const auto one = api::DecodeAgentBudgetOverride(element, api::UnknownFields::kReject);
    ASSERT_TRUE(one.ok()) << file;
    EXPECT_EQ(one->invalid, std::nullopt) << file;
    EXPECT_EQ(one->spec.budget, stored["spec"]["budget"]) << file;
    EXPECT_TRUE(one->created.has_value()) << file;
  } else if (stored["kind"] == "SpendCorrection") {
    const auto correction = api::DecodeSpendCorrection(element, api::UnknownFields::kReject);
    ASSERT_TRUE(correction.ok()) << file;
    EXPECT_EQ(correction->invalid, std::nullopt) << file;
    const auto again = Json::parse(api::EncodeSpendCorrection(*correction));
    Json want = stored["spec"];
    if (want.contains("at")) want["at"] = FormatUtc(*ParseRfc3339(want["at"].get<std::string>()));
    EXPECT_EQ(again["spec"], want) << file;
  } else {
    const auto budget = api::DecodeAgentBudget(element, api::UnknownFields::kReject);
    ASSERT_TRUE(budget.ok()) << file;
    EXPECT_EQ(budget->invalid, std::nullopt) << file;
    auto again = Json::parse(api::EncodeAgentBudget(*budget));
    Json want = stored["spec"];
    // The decoder knows the default of the one, and keeps the other for Tokens alone.
    if (!want.contains("burnRates")) again["spec"].erase("burnRates");
    if (want["unit"] != "Tokens") want.erase("tokens");
    for (const char* name : {"pools", "agents", "models", "tasks", "workflows"}) {
      if (want["scope"].contains(name) && want["scope"][name].empty()) want["scope"].erase(name);
    }
    std::sort(want["thresholds"].begin(), want["thresholds"].end(),
              [](const Json& a, const Json& b) { return a["percent"] < b["percent"]; });
    EXPECT_EQ(again["spec"], want) << file;
  }
}

TEST_F(CrdsTest, GoodManifestsAreAcceptedAndDecodeToWhatIsStored) {
  auto manifests = ManifestsIn(std::string(kFolder) + "good");
  EXPECT_GE(manifests.size() + 2, 20u);
  for (auto& example : ManifestsIn(PURSER_SOURCE_DIR "/examples"))
    manifests.push_back(std::move(example));
  Output({"create", "namespace", "agents"});
  for (const auto& manifest : manifests) {
    EXPECT_THAT(FindingsOf(manifest), IsEmpty()) << manifest.file;
    const auto result = Kubectl({"apply", "-o", "json", "-f", "-"}, manifest.text);
    ASSERT_EQ(result.code, 0) << manifest.file << ": " << result.err;
    const auto stored = Json::parse(result.out);
    if (stored["kind"] != "List") {
      ExpectDecoded(stored, manifest.file);
      continue;
    }
    for (const auto& item : stored["items"]) ExpectDecoded(item, manifest.file);
  }
}

TEST_F(CrdsTest, AFullStatusIsAcceptedAsTheOperatorWritesItAndReadsWell) {
  auto budget = api::FullBudget();
  auto pool = api::FullPool();
  for (auto* meta : {&budget.meta, &pool.meta}) {
    *meta = {};
    meta->ns = "default";
    meta->name = "columns";
  }
  budget.status.resets_at = "2099-01-01T05:00:00Z";
  for (const auto& object : {api::EncodeAgentBudget(budget), api::EncodeAgentPool(pool)}) {
    auto json = Json::parse(object);
    const auto status = json["status"];
    json.erase("status");
    auto result = Kubectl({"apply", "--server-side", "-f", "-"}, json.dump());
    ASSERT_EQ(result.code, 0) << result.err;
    json.erase("spec");
    json["status"] = status;
    result = cluster_->Kubectl(
        {"apply", "--server-side", "--subresource=status", "-o", "json", "-f", "-"}, json.dump());
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(Json::parse(result.out)["status"], status);
  }

  const auto budgets = Output({"get", "agentbudgets", "columns", "-o", "wide"});
  for (const char* column : {"NAME", "STATE", "SPENT", "LIMIT", "USED", "RESETS", "EXHAUSTS", "AGE",
                             "WINDOW", "PER", "SCOPE", "MODE", "PROJECTED", "SUBJECTS"}) {
    EXPECT_THAT(budgets, HasSubstr(column));
  }
  // A time to come must not read "<invalid>".
  for (const char* value :
       {"Throttled", "41.24", " 50 ", "82", "2099-01-01T05:00:00Z", "Month", "Agent",
        "1 of 2 throttled", R"(["research","support"])", "Audit", "61.1"}) {
    EXPECT_THAT(budgets, HasSubstr(value));
  }
  const auto pools = Output({"get", "agentpools", "columns", "-o", "wide"});
  for (const char* text : {"STATE", "AGENTS", "CONCURRENCY", "BUDGET", "AGE", "REASON", "Stopped",
                           "research-daily", "spent $50.01 of $50"}) {
    EXPECT_THAT(pools, HasSubstr(text));
  }
  EXPECT_THAT(Output({"get", "agentbudgets", "columns"}), Not(HasSubstr("PROJECTED")));
}

TEST_F(CrdsTest, ACorrectionIsNeverChangedAndReadsWell) {
  auto correction = api::FullCorrection(api::CorrectionForm::kAmount);
  correction.meta = {};
  correction.meta.ns = "default";
  correction.meta.name = "once";
  auto json = Json::parse(api::EncodeSpendCorrection(correction));
  const auto status = json["status"];
  json.erase("status");
  auto result = Kubectl({"apply", "--server-side", "-f", "-"}, json.dump());
  ASSERT_EQ(result.code, 0) << result.err;
  auto other = json;
  other["spec"]["amount"] = "-12";
  result = Kubectl({"apply", "--server-side", "-f", "-"}, other.dump());
  EXPECT_NE(result.code, 0);
  EXPECT_THAT(result.err, HasSubstr("a SpendCorrection is not changed"));
  json.erase("spec");
  json["status"] = status;
  result = cluster_->Kubectl(
      {"apply", "--server-side", "--subresource=status", "-o", "json", "-f", "-"}, json.dump());
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(Json::parse(result.out)["status"], status);
  const auto table = Output({"get", "scorr", "once", "-o", "wide"});
  for (const char* text : {"STATE", "AGENT", "AMOUNT", "DOUBT", "DECISION", "BOOKED", "AGE",
                           "APPROVED-BY", "REASON", "Applied", "-12.500000001", "alice"}) {
    EXPECT_THAT(table, HasSubstr(text));
  }
}

TEST_F(CrdsTest, ShortNamesAndCategory) {
  for (const char* name : {"ab", "abudget", "agentbudget", "agentbudgets.purser.dev", "apool",
                           "agentpool", "scorr", "spendcorrections.purser.dev", "purser"}) {
    EXPECT_EQ(Kubectl({"get", name}).code, 0) << name;
  }
}

TEST_F(CrdsTest, ExplainIsTheManual) {
  EXPECT_THAT(Output({"explain", "agentbudget.spec.limit"}),
              HasSubstr("The most that may be spent in one window"));
  EXPECT_THAT(Output({"explain", "agentbudget.spec.window.timeZone"}),
              HasSubstr("America/New_York"));
  EXPECT_THAT(Output({"explain", "apool.spec.scaling.drainSeconds"}),
              HasSubstr("How long work in flight may finish"));
  EXPECT_THAT(Output({"explain", "agentpool"}), HasSubstr("Which workloads are AI agents"));
  EXPECT_THAT(Output({"explain", "scorr.spec.doubt"}), HasSubstr("The number of a held entry"));
}

}  // namespace
}  // namespace purser
