// The configuration file of the binary itself: what is wrong is told with its place, and a change
// is taken only when it is right.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include <fstream>

#include "integration/operator/process.h"
#include "integration/operator/world.h"
#include "support/exporter.h"
#include "support/prometheus.h"

namespace purser::integration {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr auto kReload = std::chrono::seconds(30);  // it looks every five

struct Wrong {
  const char* name;
  std::string text;
  std::vector<const char*> want;  // "LINE:COLUMN: message"
};

std::vector<Wrong> WrongConfigurations() {
  const std::string head = "apiVersion: config.purser.dev/v1alpha1\nkind: OperatorConfig\n";
  const std::string sources =
      "sources:\n- name: default\n  prometheus:\n    url: http://prometheus:9090\n"
      "    metric: agent_cost_usd_total\n";
  return {
      {"unknown",
       head + sources + "    scrapeIntervall: 15s\n",
       {"8:5: ", "sources[0].prometheus.scrapeIntervall: unknown field",
        "did you mean \"scrapeInterval\"?"}},
      {"doubled",
       head + sources + "kind: OperatorConfig\n",
       {"8:1: ", "key \"kind\" is given twice, first on line 2"}},
      {"duration",
       head + sources + "    scrapeInterval: 15 seconds\n",
       {"8:5: ", "sources[0].prometheus.scrapeInterval: \"15 seconds\"", "such as \"15s\""}},
      {"missing",
       head + "sources:\n- name: default\n  prometheus:\n    url: http://a:1\n",
       {"5:3: ", "sources[0].prometheus.metric: is required"}},
      {"not-yaml", head + "sources: [\n", {"4:1: not YAML"}},
      {"other-kind", "apiVersion: v1\nkind: ConfigMap\n", {"config.purser.dev/v1alpha1"}},
  };
}

TEST(ConfigurationTest, ValidateAndRunNameThePlaceOfWhatIsWrong) {
  const World world("config-wrong");
  for (const auto& wrong : WrongConfigurations()) {
    SCOPED_TRACE(wrong.name);
    const auto path = WriteConfig(world, wrong.name, wrong.text);
    const auto run = support::RunToEnd(
        {PurserBinary(), "run", "--config", path, "--kubeconfig", world.cluster().kubeconfig()});
    EXPECT_EQ(run.code, 2);
    EXPECT_THAT(run.err, HasSubstr("purser: " + path + ":"));
    const auto validate = support::RunToEnd({PurserBinary(), "validate", path});
    EXPECT_EQ(validate.code, 1);
    EXPECT_THAT(validate.err, HasSubstr(path + ":"));
    EXPECT_EQ(validate.out, "");
    for (const char* text : wrong.want) {
      EXPECT_THAT(run.err, HasSubstr(text));
      EXPECT_THAT(validate.err, HasSubstr(text));
    }
  }
}

TEST(ConfigurationTest, ValidateTellsEverythingOfEveryFile) {
  const World world("config-validate");
  const auto good =
      WriteConfig(world, "good", ConfigText(world, "http://prometheus:9090", "cost{a=\"b\"}"));
  const auto manifest =
      WriteConfig(world, "manifest",
                  "apiVersion: purser.dev/v1alpha1\nkind: AgentBudget\nmetadata: {name: daily}\n"
                  "spec:\n  limit: \"1e3\"\n  window: {period: Year, timeZone: Europe/Berln}\n  "
                  "scope: {pools: [team]}\n");
  const auto valid = support::RunToEnd({PurserBinary(), "validate", good});
  EXPECT_EQ(valid.code, 0) << valid.err;
  EXPECT_EQ(valid.out, "1 file valid\n");
  const auto both = support::RunToEnd({PurserBinary(), "validate", good, manifest, "absent.yaml"});
  EXPECT_EQ(both.code, 1);
  EXPECT_THAT(both.err, AllOf(HasSubstr(manifest + ":5:3: "), HasSubstr("spec.limit"),
                              HasSubstr(manifest + ":6:12: "), HasSubstr("spec.window.period"),
                              HasSubstr(manifest + ":6:26: "), HasSubstr("Europe/Berlin"),
                              HasSubstr("'absent.yaml': No such file or directory")));
  EXPECT_THAT(both.err, testing::Not(HasSubstr(good)));
}

TEST(ConfigurationTest, RunWithoutAFileOrAClusterSaysWhatToGive) {
  const World world("config-absent");
  const auto absent =
      support::RunToEnd({PurserBinary(), "run", "--config", world.folder() + "/absent.yaml"});
  EXPECT_EQ(absent.code, 1);
  EXPECT_THAT(absent.err, HasSubstr("give the path of an OperatorConfig file"));
  const auto config = WriteConfig(world, "good", ConfigText(world, "http://127.0.0.1:9"));
  const auto nowhere = support::RunToEnd({PurserBinary(), "run", "--config", config, "--kubeconfig",
                                          world.folder() + "/absent.kubeconfig"});
  EXPECT_NE(nowhere.code, 0);
  EXPECT_THAT(nowhere.err, HasSubstr("absent.kubeconfig"));
}

TEST(ConfigurationTest, AValidChangeIsTakenAnInvalidOneIsNot) {
  const World world("config-reload");
  support::Exporter exporter;
  const support::Prometheus prometheus(support::Scraping(exporter));
  world.Pool("team", {"one", "two"});
  world.Budget("daily", "limit: \"100\", window: {period: Month}", "{pools: [team]}");
  exporter.Add(world.ns(), "one", "10");
  exporter.Add(world.ns(), "two", "20");
  const auto only_one = ConfigText(world, prometheus.url(), "agent_cost_usd_total{agent=\"one\"}");
  const auto path = WriteConfig(world, "config", only_one);
  Process process(world, path);
  ASSERT_TRUE(world.Eventually("it reads what it is told to", [&] {
    return world.Spent("daily") == "10";
  })) << process.LogTail();

  WriteConfig(world, "config", only_one + "    intervall: 2s\n");
  ASSERT_TRUE(world.Eventually(
      "the mistake is told", [&] { return process.Logged("the configuration in force stays"); },
      kReload))
      << process.LogTail();
  EXPECT_TRUE(process.Logged(path + ":15:5: ")) << process.LogTail();
  EXPECT_TRUE(process.Logged("did you mean \"interval\"?")) << process.LogTail();
  exporter.Add(world.ns(), "one", "5");
  ASSERT_TRUE(world.Eventually("it goes on as before", [&] {
    return world.Spent("daily") == "15";
  })) << process.LogTail();

  std::filesystem::remove(path);
  ASSERT_TRUE(world.Eventually(
      "its absence is told", [&] { return process.Logged("No such file or directory"); }, kReload))
      << process.LogTail();

  WriteConfig(world, "config", ConfigText(world, prometheus.url()));
  ASSERT_TRUE(world.Eventually(
      "the change is in force", [&] { return world.Spent("daily") == "35"; }, kReload))
      << process.LogTail();
  EXPECT_TRUE(process.Logged("starting anew with it"));
  EXPECT_FALSE(process.Ended()) << process.LogTail();
}

}  // namespace
}  // namespace purser::integration
