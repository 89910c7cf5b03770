// The ledger's volume fails under a running operator: it is told with what to do, what is enforced
// stays so, and every dollar is booked once there is a volume again.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "integration/operator/world.h"
#include "support/exporter.h"
#include "support/log_lines.h"
#include "support/prometheus.h"

namespace purser::integration {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A small file system of its own, at folder/volume.
class Volume {
 public:
  explicit Volume(const World& world) : folder_(world.folder()), path_(folder_ + "/volume") {
    std::filesystem::create_directory(path_);
  }
  ~Volume() { Unmount(); }
  Volume(const Volume&) = delete;
  Volume& operator=(const Volume&) = delete;

  const std::string& path() const { return path_; }

  // "" or why it is not possible here.
  std::string MountMemory() const {
    return Told(mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=1m") == 0, "tmpfs");
  }
  void Fill() const {
    const int file = open((path_ + "/filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string block(4096, 'x');
    while (write(file, block.data(), block.size()) > 0) {
    }
    close(file);
  }
  void Empty() const { std::filesystem::remove(path_ + "/filler"); }

  std::string MountDisk() const {
    const std::string image = folder_ + "/volume.img";
    if (!std::filesystem::exists(image)) {
      std::ofstream(image).close();
      std::filesystem::resize_file(image, 16 << 20);
      if (!Runs({"mkfs.ext4", "-q", "-F", image})) return "mkfs.ext4 does not work";
    }
    if (!Runs({"mount", "-o", "loop,errors=remount-ro", image, path_}))
      return "a loop device cannot be mounted";
    return access(Trigger().c_str(), W_OK) == 0 ? "" : "this kernel cannot make ext4 fail";
  }
  // What ext4 does when the disk below it fails: open files can no longer be written.
  void TurnReadOnly() const { std::ofstream(Trigger()) << "1"; }
  void Unmount() const {
    while (umount2(path_.c_str(), 0) == 0) {
    }
  }

 private:
  static std::string Told(bool done, const std::string& what) {
    return done ? "" : what + " cannot be mounted (a container without the right?)";
  }
  static bool Runs(const std::vector<std::string>& command) {
    return support::RunToEnd(command).code == 0;
  }
  std::string Trigger() const {
    auto device = support::RunToEnd({"findmnt", "-n", "-o", "SOURCE", path_}).out;
    device = std::filesystem::path(device.substr(0, device.find('\n'))).filename();
    return "/sys/fs/ext4/" + device + "/trigger_fs_error";
  }

  const std::string folder_;
  const std::string path_;
};

class StoreTest : public testing::Test {
 protected:
  explicit StoreTest() : prometheus_(support::Scraping(exporter_)) {
    // The source has a series before anybody spends: what shows itself later is spend.
    exporter_.Add("elsewhere", "idle", "0");
  }
  void SetUp() override { ASSERT_TRUE(exporter_.AwaitScrape()); }
  api::OperatorConfig Config(const World& world, const Volume& volume) const {
    auto config = world.Config(prometheus_.url());
    config.store.path = volume.path() + "/ledger.db";
    return config;
  }

  void ThrottleByNineOfTen(const World& world) {
    world.Deployment("worker", 5);
    world.Pool("team", {"worker"});
    world.Budget("daily", "limit: \"10\", window: {period: Month}", "{pools: [team]}");
    exporter_.Add(world.ns(), "worker", "9");
  }

  // Spends on until the store's failure is in the condition.
  void ExpectTold(const World& world) {
    ASSERT_TRUE(world.Eventually("the store's failure is told", [&] {
      exporter_.Add(world.ns(), "worker", "0.000000001");
      return world.ConditionOf("agentbudget", "daily", "SourceHealthy") == "False/StoreUnavailable";
    })) << log_.All();
  }

  // A limit that would give everything back, if it were known what has been spent.
  static void ExpectHeld(const World& world) {
    world.Kubectl(
        {"patch", "agentbudget", "daily", "--type=merge", "-p", R"({"spec":{"limit":"100"}})"});
    ASSERT_TRUE(world.Eventually("the new limit is in force", [&] {
      return world.StatusOf("agentbudget", "daily").value("limit", "") == "100";
    }));
    EXPECT_EQ(world.Replicas("worker"), 3);
  }

  void ExpectAllBooked(const World& world) {
    exporter_.Add(world.ns(), "worker", "2");
    ASSERT_TRUE(world.Eventually(
        "all is booked, once",
        [&] {
          return world.Spent("daily") == exporter_.Total().ToDecimal() &&
                 world.ConditionOf("agentbudget", "daily", "SourceHealthy") == "True/Reading";
        },
        std::chrono::seconds(90)))
        << "want " << exporter_.Total().ToDecimal() << "\n"
        << log_.All();
    EXPECT_TRUE(
        world.Eventually("it is given back", [&] { return world.Replicas("worker") == 5; }));
  }

  support::Exporter exporter_;
  support::Prometheus prometheus_;
  support::LogLines log_;
};

TEST_F(StoreTest, AFullVolumeIsToldAndEveryDollarBookedOnceThereIsRoom) {
  if (getuid() != 0) GTEST_SKIP() << "a volume of its own can only be mounted by root";
  const World world("store-full");
  const Volume volume(world);
  if (const auto why = volume.MountMemory(); !why.empty()) GTEST_SKIP() << why;
  ThrottleByNineOfTen(world);
  support::RunningOperator running(Config(world, volume), world.cluster().kubeconfig(), nullptr);
  ASSERT_TRUE(world.Eventually("it is throttled", [&] { return world.Replicas("worker") == 3; }))
      << log_.All();

  volume.Fill();
  ExpectTold(world);
  EXPECT_THAT(world.MessageOf("agentbudget", "daily", "SourceHealthy"),
              AllOf(HasSubstr(volume.path() + "/ledger.db"), HasSubstr("free or add space")));
  EXPECT_TRUE(log_.Tell("reason=StoreUnavailable", "free or add space")) << log_.All();
  ExpectHeld(world);
  EXPECT_TRUE(running.running());

  volume.Empty();
  ExpectAllBooked(world);
}

TEST_F(StoreTest, AVolumeThatTurnsReadOnlyIsToldAndEveryDollarBookedAfterwards) {
  if (getuid() != 0) GTEST_SKIP() << "a volume of its own can only be mounted by root";
  const World world("store-read-only");
  const Volume volume(world);
  if (const auto why = volume.MountDisk(); !why.empty()) GTEST_SKIP() << why;
  ThrottleByNineOfTen(world);
  {
    support::RunningOperator running(Config(world, volume), world.cluster().kubeconfig(), nullptr);
    ASSERT_TRUE(world.Eventually("it is throttled", [&] { return world.Replicas("worker") == 3; }))
        << log_.All();
    volume.TurnReadOnly();
    ExpectTold(world);
    EXPECT_THAT(world.MessageOf("agentbudget", "daily", "SourceHealthy"),
                AllOf(HasSubstr(volume.path() + "/ledger.db"), HasSubstr("nothing is lost")));
    ExpectHeld(world);
    EXPECT_TRUE(running.running());
  }
  // Mended, as by a node's restart: the operator starts on what was written before.
  volume.Unmount();
  ASSERT_EQ(volume.MountDisk(), "");
  support::RunningOperator again(Config(world, volume), world.cluster().kubeconfig(), nullptr);
  ExpectAllBooked(world);
}

TEST_F(StoreTest, AReadOnlyVolumeAtTheStartEndsItWithAWayOut) {
  if (getuid() != 0) GTEST_SKIP() << "a volume of its own can only be mounted by root";
  const World world("store-mounted-read-only");
  const Volume volume(world);
  if (const auto why = volume.MountMemory(); !why.empty()) GTEST_SKIP() << why;
  const auto config = Config(world, volume);
  {
    const support::RunningOperator first(config, world.cluster().kubeconfig(), nullptr);
    ASSERT_TRUE(world.Eventually("the ledger is there",
                                 [&] { return std::filesystem::exists(config.store.path); }));
  }
  ASSERT_EQ(mount(nullptr, volume.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  support::RunningOperator running(config, world.cluster().kubeconfig(), nullptr);
  ASSERT_TRUE(world.Eventually("it ends", [&] { return !running.running(); }));
  running.Stop();
  ASSERT_FALSE(running.ended().ok());
  EXPECT_THAT(
      running.ended().error().message(),
      AllOf(HasSubstr(config.store.path), HasSubstr("on a volume that is mounted writable")));
}

}  // namespace
}  // namespace purser::integration
