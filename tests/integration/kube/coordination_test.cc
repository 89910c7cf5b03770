#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "integration/kube/api_server.h"
#include "kube/events.h"
#include "kube/leader_election.h"

namespace purser::kube {
namespace {

using Json = nlohmann::json;

// At this moment: it does not wait.
bool IsLeader(LeaderElector& elector) {
  std::stop_source asked;
  asked.request_stop();
  return elector.WaitForLeadership(asked.get_token());
}

class RealCoordinationTest : public ApiServerTest {};

TEST_F(RealCoordinationTest, AReleasedLeaseIsTakenOverWithinThreeSeconds) {
  LeaderElectionOptions options;
  options.lease = {ns_, "purser"};
  options.identity = "one";
  auto second_options = options;
  second_options.identity = "two";
  Connected other;
  LeaderElector one(client_, options);
  LeaderElector two(*other.client, second_options);
  one.Start();
  ASSERT_TRUE(Eventually([&] { return IsLeader(one); }));
  two.Start();
  const std::string path = "/apis/coordination.k8s.io/v1/namespaces/" + ns_ + "/leases/purser";
  auto lease = Json::parse(*client_.Get(path));
  EXPECT_EQ(lease["spec"]["holderIdentity"], "one");
  EXPECT_EQ(lease["spec"]["leaseDurationSeconds"], 15);
  // Renewed, and somebody else's label survives the renewal.
  ASSERT_TRUE(client_.MergePatch(path, R"({"metadata":{"labels":{"keep":"me"}}})").ok());
  const auto renewed = lease["spec"]["renewTime"];
  EXPECT_TRUE(Eventually([&] {
    lease = Json::parse(*client_.Get(path));
    return lease["spec"]["renewTime"] != renewed;
  }));
  EXPECT_EQ(lease["metadata"]["labels"]["keep"], "me");
  EXPECT_TRUE(IsLeader(one));
  EXPECT_FALSE(IsLeader(two));

  const auto released = std::chrono::steady_clock::now();
  one.Stop();
  EXPECT_TRUE(Eventually([&] { return IsLeader(two); }));
  EXPECT_LT(std::chrono::steady_clock::now() - released, std::chrono::seconds(3));
  lease = Json::parse(*client_.Get(path));
  EXPECT_EQ(lease["spec"]["holderIdentity"], "two");
  EXPECT_EQ(lease["spec"]["leaseTransitions"], 1);
}

TEST_F(RealCoordinationTest, EventsAreWrittenAndCounted) {
  SystemClock clock;
  const ObjectReference regarding{"v1", "ConfigMap", ns_, "one",
                                  "0d1f2e3c-0000-4000-8000-000000000000"};
  {
    EventOptions options;
    options.instance = "purser-0";
    options.series_interval = Duration(50);
    options.on_dropped = [] { ADD_FAILURE() << "an Event was dropped"; };
    ApiEventRecorder recorder(client_, clock, options);
    for (int i = 0; i < 5; ++i) {
      recorder.Record(regarding, EventType::kWarning, "Stop", "Evaluate",
                      "spent $50.20 of $50 — stopped");
    }
    recorder.Record(regarding, EventType::kNormal, "Resume", "Evaluate", "window began");
  }
  auto events = Json::array();
  const auto listed = client_.List("/apis/events.k8s.io/v1/namespaces/" + ns_ + "/events", {},
                                   [&](std::string_view item) {
                                     events.push_back(Json::parse(item));
                                     return Ok();
                                   });
  ASSERT_TRUE(listed.ok()) << listed.error().message();
  ASSERT_EQ(events.size(), 2U) << events.dump(1);
  for (const auto& event : events) {
    EXPECT_EQ(event["regarding"]["name"], "one");
    if (event["reason"] == "Stop") {
      EXPECT_EQ(event["series"]["count"], 5);
      EXPECT_EQ(event["note"], "spent $50.20 of $50 — stopped");
    } else {
      EXPECT_FALSE(event.contains("series"));
    }
  }
  const auto shown = support::SharedCluster().Kubectl({"events", "-n", ns_, "--for=configmap/one"});
  EXPECT_THAT(shown.out, testing::HasSubstr("spent $50.20 of $50")) << shown.err;
}

}  // namespace
}  // namespace purser::kube
