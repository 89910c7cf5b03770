// Who leads, and that only one books: the Lease in the whole operator, as processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "integration/operator/process.h"
#include "integration/operator/world.h"
#include "support/exporter.h"
#include "support/prometheus.h"

namespace purser::integration {
namespace {

class LeadershipTest : public testing::Test {
 protected:
  LeadershipTest() : prometheus_(support::Scraping(exporter_, std::chrono::milliseconds(250))) {}
  void TenSpentOfAThousand(const World& world) {
    world.Pool("team", {"worker"});
    world.Budget("daily", "limit: \"1000\", window: {period: Month}", "{pools: [team]}");
    exporter_.Add(world.ns(), "worker", "10");
  }
  std::string Elected(const World& world) const {
    return WriteConfig(world, "config",
                       ConfigText(world, prometheus_.url(), "agent_cost_usd_total", "purser"));
  }
  // Each of these is more than 1 % of the limit, so the status tells it at once.
  void SpendAndExpectBooked(const World& world, const Process& process) {
    exporter_.Add(world.ns(), "worker", "15.000000001");
    const auto want = exporter_.Total().ToDecimal();
    ASSERT_TRUE(
        world.Eventually("it is booked, once", [&] { return world.Spent("daily") == want; }))
        << "want " << want << "\n"
        << process.LogTail();
  }

  static nlohmann::json Lease(const World& world) {
    return world.Get("lease", "purser").value("spec", nlohmann::json::object());
  }

  support::Exporter exporter_;
  support::Prometheus prometheus_;
};

TEST_F(LeadershipTest, ATermEndsAtSigtermAndTheNextLeadsAtOnce) {
  const World world("lease-released");
  TenSpentOfAThousand(world);
  const auto config = Elected(world);
  Process first(world, config, "first");
  ASSERT_TRUE(world.Eventually("it leads and books", [&] { return world.Spent("daily") == "10"; }))
      << first.LogTail();
  const std::string holder = Lease(world).value("holderIdentity", "");
  EXPECT_NE(holder, "");
  Process second(world, config, "second");
  ASSERT_TRUE(
      world.Eventually("the other waits", [&] { return second.Logged("waiting to lead"); }));
  EXPECT_EQ(Lease(world).value("holderIdentity", ""), holder);

  const auto asked = std::chrono::steady_clock::now();
  const int status = first.End(SIGTERM);
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(2));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << first.LogTail();
  // Long before the fifteen seconds of a Lease that nobody gave back.
  ASSERT_TRUE(world.Eventually(
      "the other leads", [&] { return second.Logged("leading identity="); },
      std::chrono::seconds(8)))
      << second.LogTail();
  SpendAndExpectBooked(world, second);

  ASSERT_EQ(second.End(SIGTERM), 0) << second.LogTail();
  EXPECT_EQ(Lease(world).value("holderIdentity", "?"), "") << Lease(world);
}

TEST_F(LeadershipTest, WhoLosesTheLeaseWaitsToLeadAgain) {
  const World world("lease-lost");
  TenSpentOfAThousand(world);
  Process process(world, Elected(world));
  ASSERT_TRUE(world.Eventually("it books", [&] { return world.Spent("daily") == "10"; }))
      << process.LogTail();
  const auto hold = [&](const std::string& holder) {
    const auto taken = world.Kubectl({"patch", "lease", "purser", "--type=merge", "-p",
                                      R"({"spec":{"holderIdentity":")" + holder + "\"}}"});
    ASSERT_EQ(taken.code, 0) << taken.err;
  };
  hold("somebody-else");
  ASSERT_TRUE(world.Eventually("it says so", [&] {
    return process.Logged("leadership of lease-lost/purser was lost: another replica leads");
  })) << process.LogTail();
  exporter_.Add(world.ns(), "worker", "30");
  std::this_thread::sleep_for(std::chrono::seconds(5));
  EXPECT_FALSE(process.Ended()) << process.LogTail();
  EXPECT_EQ(Lease(world).value("holderIdentity", ""), "somebody-else") << "it is not ours to empty";
  EXPECT_EQ(world.Spent("daily"), "10") << "who does not lead books nothing";
  hold("");
  SpendAndExpectBooked(world, process);
  EXPECT_EQ(process.End(SIGTERM), 0) << process.LogTail();
}

TEST_F(LeadershipTest, AnEmptyLedgerDoesNotFollowAFullOneUnasked) {
  const World world("ledger-lost");
  TenSpentOfAThousand(world);
  const auto config = Elected(world);
  {
    Process first(world, config, "first");
    ASSERT_TRUE(world.Eventually("it books", [&] { return world.Spent("daily") == "10"; }))
        << first.LogTail();
    ASSERT_EQ(first.End(SIGTERM), 0) << first.LogTail();
  }
  // The volume is lost.
  for (const char* end : {"", "-wal", "-shm"})
    std::filesystem::remove(world.folder() + "/ledger.db" + end);
  Process second(world, config, "second");
  ASSERT_TRUE(world.Eventually("it refuses", [&] {
    return second.Logged("not leading: the ledger");
  })) << second.LogTail();
  ASSERT_TRUE(world.Eventually("an Event says so", [&] {
    return world.Kubectl({"get", "events.events.k8s.io"}).out.find("LedgerRefused") !=
           std::string::npos;
  }));
  std::this_thread::sleep_for(std::chrono::seconds(3));
  EXPECT_EQ(Lease(world).value("holderIdentity", "?"), "");
  EXPECT_EQ(world.Spent("daily"), "10");
  EXPECT_FALSE(second.Ended()) << second.LogTail();
  // What the message says to do.
  const auto log = second.LogTail();
  const auto accept = log.find("purser.dev/accept-ledger=");
  ASSERT_NE(accept, std::string::npos) << log;
  const auto end = log.find_first_of(" \"\n\\", accept);
  ASSERT_EQ(
      world
          .Kubectl({"annotate", "lease", "purser", "--overwrite", log.substr(accept, end - accept)})
          .code,
      0);
  ASSERT_TRUE(world.Eventually("it leads", [&] { return second.Logged("leading identity="); }))
      << second.LogTail();
}

TEST_F(LeadershipTest, OfTwoOnOneLedgerOnlyTheLaterBooks) {
  const World world("ledger-fenced");
  TenSpentOfAThousand(world);
  const auto config = WriteConfig(world, "config", ConfigText(world, prometheus_.url()));
  Process first(world, config, "first");
  ASSERT_TRUE(world.Eventually("the first books", [&] { return world.Spent("daily") == "10"; }))
      << first.LogTail();
  Process second(world, config, "second");
  ASSERT_TRUE(world.Eventually("the second has taken over", [&] {
    return second.Logged("leading identity=");
  })) << second.LogTail();
  SpendAndExpectBooked(world, second);
  ASSERT_TRUE(world.Eventually("the first ends", [&] { return first.Ended().has_value(); }))
      << first.LogTail();
  EXPECT_EQ(first.Ended(), 1);
  EXPECT_TRUE(first.Logged("another leader books now")) << first.LogTail();
  SpendAndExpectBooked(world, second);
  EXPECT_FALSE(second.Ended()) << second.LogTail();
}

TEST_F(LeadershipTest, ALeaderThatSleptThroughItsTermBooksNothingAfterwards) {
  const World world("leader-slept");
  TenSpentOfAThousand(world);
  const auto config = Elected(world);
  Process first(world, config, "first");
  ASSERT_TRUE(world.Eventually("the first books", [&] { return world.Spent("daily") == "10"; }))
      << first.LogTail();
  first.Signal(SIGSTOP);
  Process second(world, config, "second");
  ASSERT_TRUE(world.Eventually(
      "the second takes over once the Lease is out",
      [&] { return second.Logged("leading identity="); }, std::chrono::seconds(40)))
      << second.LogTail();
  exporter_.Add(world.ns(), "worker", "20");
  first.Signal(SIGCONT);
  SpendAndExpectBooked(world, second);
  ASSERT_TRUE(world.Eventually("the first waits to lead again", [&] {
    return first.Logged("was lost: another replica leads");
  })) << first.LogTail();
  SpendAndExpectBooked(world, second);
}

}  // namespace
}  // namespace purser::integration
