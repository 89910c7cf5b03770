#include "workloads/scale/scale.h"

#include <gtest/gtest.h>

#include <string>

namespace purser::workloads {
namespace {

Workload Read(const std::string& rest) {
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  const std::string text =
      R"({"metadata":{"name":"a","namespace":"n","generation":3},"spec":{"replicas":0})" + rest +
      "}";
  EXPECT_EQ(parser.parse(text).get(document), simdjson::SUCCESS) << text;
  auto workload = DecodeWorkload(document);
  EXPECT_TRUE(workload.ok());
  return std::move(workload).value();
}

TEST(WorkloadTest, HasEndedWhenNoPodRunsOrIsAboutToBeMade) {
  struct Case {
    const char* status;
    std::int64_t running;
    bool ended;
  };
  const Case cases[] = {
      {"", 0, true},  // no controller has ever looked at it
      {R"(,"status":{"observedGeneration":3})", 0, true},
      {R"(,"status":{"observedGeneration":2})", 0, false},  // it may be making pods
      {R"(,"status":{"observedGeneration":3,"replicas":2})", 2, false},
      {R"(,"status":{"observedGeneration":3,"terminatingReplicas":1})", 1, false},
      {R"(,"status":{"observedGeneration":3,"replicas":2,"terminatingReplicas":1})", 3, false},
      {R"(,"status":{"observedGeneration":3,"replicas":"x"})", 0, true},  // not a count
  };
  for (const auto& c : cases) {
    const auto workload = Read(c.status);
    EXPECT_EQ(workload.Running(), c.running) << c.status;
    EXPECT_EQ(workload.Ended(), c.ended) << c.status;
  }
}

}  // namespace
}  // namespace purser::workloads
