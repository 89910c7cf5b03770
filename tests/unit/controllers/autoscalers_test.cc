#include "controllers/agent_pool/autoscalers.h"

#include <gtest/gtest.h>

#include "support/clocks.h"
#include "unit/kube/fake_transport.h"

namespace purser::controllers {
namespace {

using Kind = Autoscaler::Kind;

constexpr const char* kPlain =
    R"({"metadata":{"name":"writer"},"spec":{"scaleTargetRef":{"kind":"Deployment","name":"worker"},
        "minReplicas":8,"maxReplicas":30}})";

TEST(AutoscalerOf, IsWhatNamesTheWorkload) {
  const auto plain = AutoscalerOf(kPlain, Kind::kHorizontalPodAutoscaler, "Deployment", "worker");
  ASSERT_TRUE(plain);
  EXPECT_EQ(*plain, (Autoscaler{Kind::kHorizontalPodAutoscaler, "writer",
                                "minReplicas 8, maxReplicas 30"}));
  EXPECT_FALSE(AutoscalerOf(kPlain, Kind::kHorizontalPodAutoscaler, "StatefulSet", "worker"));
  EXPECT_FALSE(AutoscalerOf(kPlain, Kind::kHorizontalPodAutoscaler, "Deployment", "work"));
  EXPECT_FALSE(AutoscalerOf("[]", Kind::kHorizontalPodAutoscaler, "Deployment", "worker"));
  EXPECT_FALSE(AutoscalerOf("{\"spec\":7}", Kind::kScaledObject, "Deployment", "worker"));
}

TEST(AutoscalerOf, KedasOwnStandsForItsScaledObject) {
  const auto keda = AutoscalerOf(
      R"({"metadata":{"name":"keda-hpa-queue","labels":{"scaledobject.keda.sh/name":"queue"}},
          "spec":{"scaleTargetRef":{"kind":"Deployment","name":"worker"}}})",
      Kind::kHorizontalPodAutoscaler, "Deployment", "worker");
  ASSERT_TRUE(keda);
  EXPECT_EQ(*keda, (Autoscaler{Kind::kScaledObject, "queue"}));
  EXPECT_TRUE(
      AutoscalerOf(R"({"metadata":{"name":"queue"},"spec":{"scaleTargetRef":{"name":"worker"}}})",
                   Kind::kScaledObject, "Deployment", "worker"))
      << "a Deployment, when it names no kind";
}

TEST(Autoscalers, AreAskedForOnceInAWhileAndMayBeUnknownToTheServer) {
  kube::FakeTransport transport;
  transport.on_send = [](const net::HttpRequest& request) {
    return request.url.find("keda.sh") != std::string::npos
               ? kube::Respond(404, "404 page not found")
               : kube::Respond(200, "{\"kind\":\"List\",\"metadata\":{},\"items\":[" +
                                        std::string(kPlain) + "]}");
  };
  kube::Access access;
  access.server = "https://api:6443";
  kube::Client client(transport, access);
  support::FakeClock clock{Timestamp(std::chrono::seconds(1'800'000'000))};
  Autoscalers autoscalers(client, clock);
  for (int i = 0; i < 3; ++i) {
    const auto found = autoscalers.Of("agents", "Deployment", "worker");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->name, "writer");
  }
  EXPECT_EQ(transport.sent().size(), 2U);
  clock.Advance(Autoscalers::kRememberedFor);
  EXPECT_FALSE(autoscalers.Of("agents", "Deployment", "other"));
  EXPECT_TRUE(autoscalers.Of("agents", "Deployment", "worker"));
  EXPECT_EQ(transport.sent().size(), 6U);
}

}  // namespace
}  // namespace purser::controllers
