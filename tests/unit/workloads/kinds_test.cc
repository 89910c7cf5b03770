#include "workloads/kinds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/text_form.h"
#include "workloads/pointer.h"
#include "workloads/scale_actuator.h"
#include "workloads/switch/known.h"

namespace purser::workloads {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

KindPointer Made(const std::string& api_version, const std::string& kind, bool on_scale = false,
                 std::optional<api::SwitchSpec> toggle = std::nullopt,
                 const ScalePaths& paths = {}) {
  const auto slash = api_version.find('/');
  const kube::ResourceType type{api_version.substr(0, slash), api_version.substr(slash + 1),
                                "things", kind};
  auto made = MakeKind({api_version, kind, "", std::move(toggle)}, type, on_scale, paths);
  EXPECT_TRUE(made.ok());
  return made ? *made : nullptr;
}

Workload Read(const Kind& kind, const std::string& text) {
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  EXPECT_EQ(parser.parse(text).get(document), simdjson::SUCCESS);
  auto workload = kind.Decode(document);
  EXPECT_TRUE(workload.ok()) << (workload ? "" : workload.error().message());
  return workload ? std::move(workload).value() : Workload{};
}

std::string Object(const std::string& rest) {
  return R"({"metadata":{"name":"x","namespace":"n","uid":"u","resourceVersion":"7"},)" + rest +
         "}";
}

WorkloadAsk Stop() {
  WorkloadAsk ask;
  ask.level = policy::Level::kStopped;
  ask.maximum = 1;
  ask.pool = "team";
  return ask;
}

// The patch that stops it, and, of what is there then, the one that restores it.
std::pair<json, json> StoppedAndBack(const Kind& kind, const std::string& before,
                                     const std::string& after) {
  const auto live = Read(kind, before);
  const auto stop = PlanWorkload(StateOf(kind, live).state, Stop(), {});
  EXPECT_EQ(stop.kind, PlanKind::kTake);
  const auto stopped = Read(kind, after);
  const auto restore =
      PlanWorkload(StateOf(kind, stopped, stop.patch_saved).state, WorkloadAsk{}, {});
  EXPECT_EQ(restore.kind, PlanKind::kRestore);
  return {json::parse(PatchOf(kind, live, stop)), json::parse(PatchOf(kind, stopped, restore))};
}

TEST(KnownKinds, EachIsStoppedByItsFieldAndRestoredToWhatItSaid) {
  for (const auto& known : KnownSwitches()) {
    const auto kind = Made(std::string(known.group) + "/v1", std::string(known.kind));
    const json::json_pointer at{std::string(known.path)};
    json before = {{"metadata", {{"name", "x"}, {"namespace", "n"}, {"uid", "u"}}}};
    json after = before;
    before[at] = "as it was";
    after[at] = json::parse(known.stopped);
    const auto [stop, back] = StoppedAndBack(*kind, before.dump(), after.dump());
    EXPECT_EQ(stop.at(at), json::parse(known.stopped)) << known.kind;
    EXPECT_EQ(back.at(at), "as it was") << known.kind;
    EXPECT_TRUE(Read(*kind, before.dump()).HidesPods()) << known.kind;
    EXPECT_TRUE(api::FieldPointer(known.path).empty()) << known.kind;
  }
}

TEST(SwitchKind, WhatWasNotThereIsTakenAwayAgain) {
  const auto kind = Made("a.b/v1", "K", false, api::SwitchSpec{"/spec/a/b", "true"});
  const auto [stop, back] =
      StoppedAndBack(*kind, Object(R"("spec":{})"), Object(R"("spec":{"a":{"b":true}})"));
  EXPECT_EQ(stop["spec"], json::parse(R"({"a":{"b":true}})"));
  EXPECT_EQ(back["spec"], json::parse(R"({"a":{"b":null}})"));
}

TEST(SwitchKind, WhatSomebodySwitchesItToMeanwhileIsRestored) {
  const auto kind = Made("a.b/v1", "K", false, api::SwitchSpec{"/spec/mode", R"("Off")"});
  const auto live = Read(*kind, Object(R"("spec":{"mode":"Slow"})"));
  auto saved = PlanWorkload(StateOf(*kind, live).state, Stop(), {}).patch_saved;
  const auto text = saved->Encode();
  const auto raised = Read(
      *kind,
      R"({"metadata":{"name":"x","namespace":"n","uid":"u","annotations":{"purser.dev/saved":)" +
          json(text).dump() +
          R"(},"managedFields":[{"manager":"kubectl","fieldsV1":{"f:spec":{"f:mode":{}}}}]},)" +
          R"("spec":{"mode":"Fast"}})");
  const auto again = PlanWorkload(StateOf(*kind, raised, saved).state, Stop(), {});
  EXPECT_EQ(again.kind, PlanKind::kReassert);
  EXPECT_EQ(again.patch_saved->value, R"("Fast")");
  EXPECT_THAT(again.explanation, HasSubstr(R"(raised by kubectl; /spec/mode "Fast" will be)"));
}

TEST(SwitchKind, AnObjectIsNoSwitch) {
  const auto kind = Made("a.b/v1", "K", false, api::SwitchSpec{"/spec", "true"});
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  const auto text = Object(R"("spec":{})");
  ASSERT_EQ(parser.parse(text).get(document), simdjson::SUCCESS);
  EXPECT_FALSE(kind->Decode(document).ok());
}

TEST(SwitchKind, AThrottleLeavesItOn) {
  const auto kind = Made("a.b/v1", "K", false, api::SwitchSpec{"/spec/on", "false"});
  WorkloadAsk ask = Stop();
  ask.level = policy::Level::kThrottled;
  ask.concurrency = 1;
  ask.maximum = 20;
  const auto live = Read(*kind, Object(R"("spec":{"on":true})"));
  EXPECT_EQ(PlanWorkload(StateOf(*kind, live).state, ask, {}).kind, PlanKind::kNothing);
}

TEST(JobKind, EndsWithItsPodsAndWhenItsControllerHasSeenIt) {
  const auto kind = Made("batch/v1", "Job");
  const auto read = [&](const std::string& rest) { return Read(*kind, Object(rest)); };
  EXPECT_FALSE(read(R"("spec":{"suspend":true})").Ended());
  const std::string seen = R"("conditions":[{"type":"Suspended","status":"True"}])";
  EXPECT_FALSE(read(R"("spec":{"suspend":true},"status":{"active":1,)" + seen + "}").Ended());
  EXPECT_FALSE(read(R"("spec":{"suspend":true},"status":{"terminating":1,)" + seen + "}").Ended());
  EXPECT_TRUE(read(R"("spec":{"suspend":true},"status":{)" + seen + "}").Ended());
  EXPECT_FALSE(read(R"("spec":{})").HidesPods());
}

TEST(JobKind, OneThatHasFinishedIsLeftAlone) {
  const auto kind = Made("batch/v1", "Job");
  const auto done = Read(*kind, Object(R"("spec":{},"status":{"conditions":[{"type":"Complete",)"
                                       R"("status":"True"}]})"));
  EXPECT_TRUE(done.Finished());
  EXPECT_TRUE(done.Ended());
  EXPECT_EQ(PlanWorkload(StateOf(*kind, done).state, Stop(), {}).kind, PlanKind::kNothing);
}

TEST(ScaleKind, IsWhereItsDefinitionSays) {
  const auto kind =
      Made("a.b/v1", "Fleet", true, std::nullopt, {"/spec/size/wanted", "/status/n", "/status/s"});
  const auto fleet =
      Read(*kind, Object(R"("spec":{"size":{"wanted":7}},"status":{"n":6,"s":"a=b"})"));
  EXPECT_EQ(fleet.replicas, 7);
  EXPECT_EQ(fleet.Running(), 6);
  EXPECT_EQ(fleet.details->pods, "a=b");
  const auto plan = PlanWorkload(StateOf(*kind, fleet).state, Stop(), {});
  EXPECT_EQ(json::parse(PatchOf(*kind, fleet, plan))["spec"],
            json::parse(R"({"size":{"wanted":0}})"));
}

TEST(ScaleKind, ReplicasThatWereNotGivenAreTakenAwayAgain) {
  const auto kind = Made("a.b/v1", "Fleet", true);
  const auto [stop, back] =
      StoppedAndBack(*kind, Object(R"("spec":{})"), Object(R"("spec":{"replicas":0})"));
  EXPECT_EQ(stop["spec"]["replicas"], 0);
  EXPECT_TRUE(back["spec"]["replicas"].is_null());
}

TEST(MakeKindTest, SaysWhatIsMissing) {
  const kube::ResourceType robots{"a.b", "v1", "robots", "Robot"};
  const auto unknown = MakeKind({"a.b/v1", "Robot", "", std::nullopt}, robots, false, {});
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(unknown.error().message(), HasSubstr("workloadRef.switch: {path: /spec/suspend"));
  const kube::ResourceType nodes{"a.b", "v1", "robots", "Robot", false};
  const auto cluster = MakeKind({"a.b/v1", "Robot", "", std::nullopt}, nodes, true, {});
  ASSERT_FALSE(cluster.ok());
  EXPECT_THAT(cluster.error().message(), HasSubstr("belongs to no namespace"));
}

TEST(KindIdTest, NamesTheGroupOfOthers) {
  EXPECT_EQ(KindId("apps/v1", "Deployment"), "Deployment");
  EXPECT_EQ(KindId("batch/v1", "Job"), "Job");
  EXPECT_EQ(KindId("batch.volcano.sh/v1alpha1", "Job"), "Job.batch.volcano.sh");
}

TEST(SavedToggle, SurvivesItsAnnotation) {
  Saved saved{1, 0, "team", "u"};
  saved.value = R"("On \"x\"")";
  saved.toggle = {"/spec/mode", R"("Off")"};
  const auto read = Saved::Decode(saved.Encode());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, saved);
}

TEST(PointerTest, TakesEscapesApart) {
  EXPECT_EQ(Segments("/metadata/annotations/a.b~1c~0d"),
            (std::vector<std::string>{"metadata", "annotations", "a.b/c~d"}));
  EXPECT_TRUE(Segments("spec").empty());
}

}  // namespace
}  // namespace purser::workloads
