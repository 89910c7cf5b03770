// What the tests of this folder share: a way to the cluster's API server, waiting, ConfigMaps.
#pragma once

#include <gtest/gtest.h>
#include <simdjson.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "kube/access.h"
#include "kube/client.h"
#include "kube/reflector_runner.h"
#include "net/cpprest/cpprest_transport.h"
#include "support/cluster.h"

namespace purser::kube {

inline const ResourceType kConfigMaps{"", "v1", "configmaps", "ConfigMap"};

struct ConfigMap {
  ObjectMeta meta;
  std::string value;  // data.value
};

inline Result<ConfigMap> DecodeConfigMap(simdjson::dom::element object) {
  const auto key = KeyOf(object);
  if (!key) return Error(ErrorCode::kCorrupt, "no name");
  ConfigMap map;
  map.meta.ns = key->key.ns;
  map.meta.name = key->key.name;
  map.meta.resource_version = key->version;
  std::string_view value;
  if (object.at_pointer("/data/value").get(value) == simdjson::SUCCESS) map.value = value;
  return map;
}

inline std::string ConfigMapJson(const std::string& name, const std::string& value) {
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name +
         R"("},"data":{"value":")" + value + "\"}}";
}

inline bool Eventually(const std::function<bool()>& condition,
                       std::chrono::milliseconds within = std::chrono::seconds(30)) {
  const auto deadline = std::chrono::steady_clock::now() + within;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// One client of the administrator; another server's if given.
struct Connected {
  explicit Connected(const std::string& server = "", std::function<void(Access&)> change = {}) {
    auto loaded = LoadKubeconfig({support::SharedCluster().kubeconfig()});
    if (!loaded) throw std::runtime_error(loaded.error().message());
    if (!server.empty()) loaded->server = server;
    if (change) change(*loaded);
    net::CpprestOptions options;
    options.tls = loaded->tls;
    transport = std::move(net::MakeCpprestTransport(options)).value();
    client = std::make_unique<Client>(*transport, *loaded);
  }
  std::unique_ptr<net::HttpTransport> transport;
  std::unique_ptr<Client> client;
};

class ApiServerTest : public testing::Test {
 protected:
  ApiServerTest() : ns_(Namespace()) {}
  void TearDown() override {
    if (HasFailure()) ADD_FAILURE() << support::SharedCluster().LogTails();
  }

  // A new one for each test, so that they do not see each other.
  std::string Namespace() {
    static int number = 0;
    const std::string name = "kube-test-" + std::to_string(++number);
    const auto made =
        connected_.client->Create("/api/v1/namespaces", R"({"metadata":{"name":")" + name + "\"}}");
    if (!made) throw std::runtime_error(made.error().message());
    return name;
  }
  std::string Collection() const { return CollectionPath(kConfigMaps, ns_); }
  std::string Path(const std::string& name) const { return ObjectPath(kConfigMaps, {ns_, name}); }
  std::string Make(const std::string& name, const std::string& value) {
    const auto made = connected_.client->Create(Collection(), ConfigMapJson(name, value));
    EXPECT_TRUE(made.ok()) << made.error().message();
    return made.ok() ? VersionOf(*made) : "";
  }
  void Remove(const std::string& name) {
    const auto removed = support::SharedCluster().Kubectl({"delete", "configmap", name, "-n", ns_});
    EXPECT_EQ(removed.code, 0) << removed.err;
  }
  static std::string VersionOf(const std::string& body) {
    simdjson::dom::parser parser;
    simdjson::dom::element object;
    std::string_view version;
    if (parser.parse(body).get(object) != simdjson::SUCCESS ||
        object.at_pointer("/metadata/resourceVersion").get(version) != simdjson::SUCCESS) {
      return "";
    }
    return std::string(version);
  }

  Connected connected_;
  Client& client_ = *connected_.client;
  const std::string ns_;
};

}  // namespace purser::kube
