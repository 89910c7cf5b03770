#include "controllers/agent_pool/stopped_by.h"

#include <gtest/gtest.h>

namespace purser::controllers {
namespace {

std::string Pool(const std::string& annotations) {
  return R"({"metadata":{"annotations":)" + annotations + R"(,"managedFields":[
    {"manager":"kubectl-create","fieldsV1":{"f:spec":{"f:agents":{}}}},
    {"manager":"kubectl-patch","fieldsV1":{"f:spec":{"f:stop":{".":{},"f:reason":{}}}}},
    {"manager":"purser","subresource":"status","fieldsV1":{"f:status":{}}}]}})";
}

TEST(WhoStopped, IsWhoOwnsTheField) {
  const auto who = WhoStopped(Pool("{}"));
  ASSERT_TRUE(who);
  EXPECT_EQ(*who, "kubectl-patch");
}

TEST(WhoStopped, IsWhoeverTheAnnotationNames) {
  const auto who = WhoStopped(Pool(R"({"purser.dev/stopped-by":"alice"})"));
  ASSERT_TRUE(who);
  EXPECT_EQ(*who, "alice (with kubectl-patch)");
}

TEST(WhoStopped, MayBeUnknown) {
  const auto who = WhoStopped(R"({"metadata":{}})");
  ASSERT_TRUE(who);
  EXPECT_EQ(*who, "");
  EXPECT_FALSE(WhoStopped("<html>"));
}

TEST(WhoStopped, IsCutWhereItIsLong) {
  const auto who =
      WhoStopped(Pool(R"({"purser.dev/stopped-by":")" + std::string(100'000, 'x') + "\"}"));
  ASSERT_TRUE(who);
  EXPECT_LT(who->size(), 300U);
}

}  // namespace
}  // namespace purser::controllers
