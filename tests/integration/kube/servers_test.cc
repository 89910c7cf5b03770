// API servers that come, go, are older, or remember less than they did.
#include <gmock/gmock.h>

#include <atomic>
#include <cstdlib>

#include "integration/kube/api_server.h"
#include "kube/informer.h"
#include "kube/largest_page.h"
#include "support/switchboard.h"

namespace purser::kube {
namespace {

using support::SecondApiServer;
using support::SecondEtcd;
using support::SharedCluster;
using support::Switchboard;

std::uint16_t PortOf(const std::string& server) {
  return static_cast<std::uint16_t>(std::stoi(server.substr(server.rfind(':') + 1)));
}

class ServersTest : public ApiServerTest {
 protected:
  struct Watching {
    explicit Watching(Client& client, const std::string& ns, int page_limit = 500) {
      InformerOptions options;
      options.reflector.page_limit = page_limit;
      options.reflector.largest_page = AskLargestPage(client);
      options.reflector.without_managed_fields = true;
      informer = std::make_unique<Informer<ConfigMap>>(
          client, kConfigMaps, std::vector<std::string>{ns}, DecodeConfigMap, std::move(options));
      informer->AddHandler([this](const auto& before, const auto& after) {
        ++(before == nullptr ? added : after == nullptr ? removed : changed);
      });
      informer->Start();
    }
    std::string Value(const ObjectKey& key) const {
      const auto map = informer->Get(key);
      return map ? map->value : "-";
    }
    std::unique_ptr<Informer<ConfigMap>> informer;
    std::atomic<int> added = 0, changed = 0, removed = 0;
  };

  Status Set(Client& client, const std::string& name, const std::string& value) {
    const auto path = ObjectPath(kConfigMaps, {ns_, name});
    const auto set = client.MergePatch(path, R"({"data":{"value":")" + value + "\"}}");
    return set ? Ok() : Status(set.error());
  }
};

TEST_F(ServersTest, OneOfTwoBehindAnAddressGoesAway) {
  SecondApiServer second(SharedCluster());
  second.Start();
  Switchboard address(PortOf(second.server()));
  Connected through("https://127.0.0.1:" + std::to_string(address.port()));
  Make("kept", "a");
  Make("deleted", "a");
  Watching watching(*through.client, ns_);
  ASSERT_TRUE(watching.informer->WaitForSync(std::chrono::seconds(30), {}));

  address.SetServer(PortOf(SharedCluster().server()));
  second.Kill();
  ASSERT_TRUE(Set(client_, "kept", "b").ok());
  Remove("deleted");
  Make("made", "c");
  EXPECT_TRUE(Eventually([&] {
    return watching.Value({ns_, "kept"}) == "b" && watching.Value({ns_, "made"}) == "c" &&
           !watching.informer->Get({ns_, "deleted"});
  }));
  EXPECT_EQ(watching.added, 3);
  EXPECT_EQ(watching.changed, 1);
  EXPECT_EQ(watching.removed, 1);
  // A write goes the same way.
  EXPECT_TRUE(Eventually([&] { return Set(*through.client, "kept", "d").ok(); }));
  EXPECT_TRUE(Eventually([&] { return watching.Value({ns_, "kept"}) == "d"; }));
}

TEST_F(ServersTest, EtcdIsRestoredFromASnapshot) {
  SecondEtcd etcd(SharedCluster());
  SecondApiServer server(SharedCluster(), etcd.url());
  server.Start();
  Switchboard address(PortOf(server.server()));  // outlives the server
  Connected through("https://127.0.0.1:" + std::to_string(address.port()));
  Client& client = *through.client;
  ASSERT_TRUE(client.Create("/api/v1/namespaces", R"({"metadata":{"name":")" + ns_ + "\"}}").ok());
  const auto make = [&](const std::string& name, const std::string& value) {
    return client.Create(Collection(), ConfigMapJson(name, value)).ok();
  };
  ASSERT_TRUE(make("kept", "a") && make("deleted", "a"));
  Watching watching(client, ns_);
  ASSERT_TRUE(watching.informer->WaitForSync(std::chrono::seconds(30), {}));

  server.Kill();
  etcd.Snapshot();
  server.Start();
  ASSERT_TRUE(Eventually([&] { return Set(client, "kept", "b").ok(); }));
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(Set(client, "kept", "b" + std::to_string(i)).ok());
  ASSERT_TRUE(make("ghost", "a"));
  ASSERT_TRUE(Eventually([&] {
    return watching.Value({ns_, "kept"}) == "b29" && watching.Value({ns_, "ghost"}) == "a";
  }));

  server.Kill();
  etcd.Restore();
  server.Start();
  EXPECT_TRUE(Eventually([&] {
    return watching.Value({ns_, "kept"}) == "a" && !watching.informer->Get({ns_, "ghost"});
  })) << "kept is "
      << watching.Value({ns_, "kept"});
  EXPECT_EQ(watching.removed, 1) << "the ghost alone";
  // And it follows, though the versions are lower than those seen before.
  ASSERT_TRUE(Eventually([&] { return Set(client, "kept", "c").ok(); }));
  EXPECT_TRUE(Eventually([&] { return watching.Value({ns_, "kept"}) == "c"; }));
  watching.informer->Stop();
}

}  // namespace
}  // namespace purser::kube
