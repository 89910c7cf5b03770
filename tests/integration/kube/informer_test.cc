#include "kube/informer.h"
#include "kube/largest_page.h"

#include <gmock/gmock.h>

#include <atomic>
#include <mutex>

#include "integration/kube/api_server.h"

namespace purser::kube {
namespace {

class RealInformerTest : public ApiServerTest {
 protected:
  using ConfigMaps = Informer<ConfigMap>;
  std::unique_ptr<ConfigMaps> MakeInformer(Client& client) {
    InformerOptions options;
    options.on_problem = [this](const Error& error) {
      const std::lock_guard lock(mutex_);
      problems_ += error.message() + "\n";
    };
    options.reflector.page_limit = 500;
    options.reflector.largest_page = AskLargestPage(client);
    options.reflector.without_managed_fields = true;
    auto informer = std::make_unique<ConfigMaps>(client, kConfigMaps, std::vector<std::string>{ns_},
                                                 DecodeConfigMap, std::move(options));
    informer->AddHandler([this](const auto& before, const auto& after) {
      ++(before == nullptr ? added_ : after == nullptr ? removed_ : changed_);
    });
    return informer;
  }
  static std::string ValueOf(const ConfigMaps& informer, const ObjectKey& key) {
    const auto map = informer.Get(key);
    return map ? map->value : "-";
  }
  std::string problems() {
    const std::lock_guard lock(mutex_);
    return problems_;
  }

  std::atomic<int> added_ = 0;
  std::atomic<int> changed_ = 0;
  std::atomic<int> removed_ = 0;
  std::mutex mutex_;
  std::string problems_;
};

TEST_F(RealInformerTest, ListsPagesThenFollows) {
  constexpr int kCount = 1200;  // three pages
  std::vector<std::jthread> makers;
  for (int part = 0; part < 4; ++part) {
    makers.emplace_back([this, part] {
      for (int i = part; i < kCount; i += 4) Make("map-" + std::to_string(i), "a");
    });
  }
  makers.clear();
  auto informer = MakeInformer(client_);
  informer->Start();
  ASSERT_TRUE(informer->WaitForSync(std::chrono::seconds(30), {})) << problems();
  EXPECT_EQ(informer->Size(), 1200U);
  EXPECT_EQ(added_, kCount);

  ASSERT_TRUE(client_.MergePatch(Path("map-7"), R"({"data":{"value":"b"}})").ok());
  EXPECT_TRUE(Eventually([&] {
    return ValueOf(*informer, {ns_, "map-7"}) == "b" && changed_ == 1;
  }));
  Remove("map-8");
  EXPECT_TRUE(Eventually([&] { return !informer->Get({ns_, "map-8"}) && removed_ == 1; }));
  Make("new", "c");
  EXPECT_TRUE(Eventually([&] { return ValueOf(*informer, {ns_, "new"}) == "c"; }));
  EXPECT_EQ(problems(), "");
}

TEST_F(RealInformerTest, OwnWritesAreTakenInOnce) {
  Make("one", "a");
  auto informer = MakeInformer(client_);
  informer->Start();
  ASSERT_TRUE(informer->WaitForSync(std::chrono::seconds(30), {}));
  const auto answer = client_.MergePatch(Path("one"), R"({"data":{"value":"b"}})");
  ASSERT_TRUE(answer.ok());
  simdjson::dom::parser parser;
  informer->Observe(*DecodeConfigMap(parser.parse(*answer)));
  EXPECT_EQ(ValueOf(*informer, {ns_, "one"}), "b");
  EXPECT_TRUE(Eventually([&] { return changed_ == 1; }));
  Make("marker", "");
  EXPECT_TRUE(Eventually([&] { return informer->Get({ns_, "marker"}) != nullptr; }));
  EXPECT_EQ(changed_, 1);
}

TEST_F(RealInformerTest, RecoversWhenTheApiServerIsKilledAndStartedAgain) {
  support::SecondApiServer second(support::SharedCluster());
  second.Start();
  Connected through(second.server());
  Make("kept", "a");
  Make("deleted", "a");
  auto informer = MakeInformer(*through.client);
  informer->Start();
  ASSERT_TRUE(informer->WaitForSync(std::chrono::seconds(30), {})) << problems();
  EXPECT_EQ(informer->Size(), 2U);

  second.Kill();
  EXPECT_TRUE(Eventually([&] { return informer->Problem().has_value(); }));
  EXPECT_EQ(informer->Size(), 2U);  // what is known stays known
  // Through the first server, unseen: more changes than a new server keeps in memory from before
  // its start.
  ASSERT_TRUE(client_.MergePatch(Path("kept"), R"({"data":{"value":"b"}})").ok());
  Remove("deleted");
  Make("made", "c");

  second.Start();
  EXPECT_TRUE(Eventually([&] {
    return ValueOf(*informer, {ns_, "kept"}) == "b" && !informer->Get({ns_, "deleted"}) &&
           ValueOf(*informer, {ns_, "made"}) == "c";
  })) << problems();
  EXPECT_EQ(removed_, 1);
  // And it follows again.
  Make("after", "d");
  EXPECT_TRUE(Eventually([&] { return informer->Get({ns_, "after"}) != nullptr; }));
  EXPECT_FALSE(informer->Problem().has_value());
  informer->Stop();
}

TEST_F(RealInformerTest, AnOldVersionIsExpired) {
  support::SecondApiServer second(support::SharedCluster());
  const auto old = Make("one", "a");
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(
        client_.MergePatch(Path("one"), R"({"data":{"value":")" + std::to_string(i) + "\"}}").ok());
  }
  second.Start();  // remembers nothing from before
  Connected through(second.server());
  std::string seen;
  const auto ended = through.client->Watch(Collection(), {{"resourceVersion", old}},
                                           [&](std::string_view line) {
                                             seen = line;
                                             return false;
                                           },
                                           {std::chrono::seconds(10), {}});
  if (ended.ok()) {
    EXPECT_THAT(seen, testing::AllOf(testing::HasSubstr("ERROR"), testing::HasSubstr("410")));
  } else {
    EXPECT_EQ(ended.error().code(), ErrorCode::kExpired) << ended.error().message();
  }
}

TEST_F(RealInformerTest, StopsAtOnce) {
  auto informer = MakeInformer(client_);
  informer->Start();
  ASSERT_TRUE(informer->WaitForSync(std::chrono::seconds(30), {}));
  const auto asked = std::chrono::steady_clock::now();
  informer->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::milliseconds(100));
}

}  // namespace
}  // namespace purser::kube
