#include "kube/informer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "unit/kube/fake_transport.h"

namespace purser::kube {
namespace {

using Kind = FakeTransport::Delivery::Kind;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

struct Thing {
  ObjectMeta meta;
  std::string color;
};

Result<Thing> DecodeThing(simdjson::dom::element object) {
  Thing thing;
  const auto key = KeyOf(object);
  if (!key) return Error(ErrorCode::kCorrupt, "no name");
  thing.meta.ns = key->key.ns;
  thing.meta.name = key->key.name;
  thing.meta.resource_version = key->version;
  std::string_view color;
  if (object["color"].get(color) != simdjson::SUCCESS)
    return Error(ErrorCode::kInvalidArgument, "color is missing");
  if (color == "throws") throw std::runtime_error("no color");
  thing.color = color;
  return thing;
}

std::string Json(const std::string& name, const std::string& version,
                 const std::string& color = "red") {
  return R"({"metadata":{"namespace":"a","name":")" + name + R"(","resourceVersion":")" + version +
         R"("},"color":")" + color + "\"}";
}
std::string Colorless(const std::string& name, const std::string& version) {
  return R"({"metadata":{"namespace":"a","name":")" + name + R"(","resourceVersion":")" + version +
         R"("}})";
}
std::string Event(const char* type, const std::string& object) {
  return std::string(R"({"type":")") + type + R"(","object":)" + object + "}";
}
std::string Page(const std::vector<std::string>& items, const std::string& version,
                 const std::string& token = "") {
  std::string text = R"({"metadata":{"resourceVersion":")" + version + R"(","continue":")" + token +
                     R"("},"items":[)";
  for (std::size_t i = 0; i < items.size(); ++i) text += (i > 0 ? "," : "") + items[i];
  return text + "]}";
}

class InformerTest : public testing::Test {
 protected:
  InformerTest() {
    transport_.on_send = [this](const HttpRequest&) -> Result<HttpResponse> {
      if (pages_.empty()) return Error(ErrorCode::kUnavailable, "no page left");
      auto page = pages_.front();
      pages_.pop_front();
      return Respond(200, std::move(page));
    };
    informer_.AddIndex("color",
                       [](const Thing& thing) { return std::vector<std::string>{thing.color}; });
    informer_.AddHandler([this](const auto& before, const auto& after) {
      const auto text = [](const auto& thing) {
        return thing ? thing->meta.name + "@" + thing->meta.resource_version + thing->color
                     : std::string("-");
      };
      told_.push_back(text(before) + ">" + text(after));
    });
  }

  void StartAndSync() {
    informer_.Start();
    ASSERT_TRUE(informer_.WaitForSync(std::chrono::seconds(5), {}));
    ASSERT_TRUE(transport_.WaitForWatches(1));
  }
  // Delivers and waits until it is taken in.
  void Deliver(const std::string& line) {
    transport_.Deliver(line);
    ASSERT_TRUE(transport_.WaitForDelivered(++delivered_));
  }
  std::string VersionOf(const std::string& name) {
    const auto thing = informer_.Get({"a", name});
    return thing ? thing->meta.resource_version : "-";
  }
  std::vector<std::string> ByColor(const std::string& color) {
    std::vector<std::string> names;
    for (const auto& thing : informer_.ByIndex("color", color)) names.push_back(thing->meta.name);
    return names;
  }
  Thing Made(const std::string& name, const std::string& version,
             const std::string& color = "red") {
    Thing thing;
    thing.meta.ns = "a";
    thing.meta.name = name;
    thing.meta.resource_version = version;
    thing.color = color;
    return thing;
  }

  InformerOptions Hearing() {
    InformerOptions options;
    options.on_problem = [this](const Error& error) {
      problems_.push_back(error.message());
      if (fussy_) throw std::runtime_error("fussy");
    };
    options.on_threw = [this](const Error& error) {
      threw_.push_back(error.message());
      if (fussy_) throw std::runtime_error("fussy");
    };
    return options;
  }

  FakeTransport transport_;
  std::deque<std::string> pages_;
  std::size_t delivered_ = 0;
  std::vector<std::string> told_;
  std::vector<std::string> problems_;
  std::vector<std::string> threw_;
  bool fussy_ = false;
  Access access_{"http://api:80", "default", {}, "", nullptr};
  Client client_{transport_, access_};
  Informer<Thing> informer_{client_, {"", "v1", "things", "Thing"}, {}, DecodeThing, Hearing()};
};

TEST_F(InformerTest, ListsInPagesAndWatches) {
  pages_ = {Page({Json("one", "1"), Json("two", "2", "blue")}, "10", "next"),
            Page({Json("three", "3")}, "10")};
  EXPECT_FALSE(informer_.HasSynced());
  StartAndSync();
  EXPECT_TRUE(informer_.HasSynced());
  EXPECT_EQ(informer_.Size(), 3U);
  EXPECT_THAT(told_, ElementsAre("->one@1red", "->two@2blue", "->three@3red"));
  EXPECT_THAT(ByColor("red"), UnorderedElementsAre("one", "three"));
  EXPECT_EQ(transport_.sent()[0].url, "http://api:80/api/v1/things?limit=10000");
  EXPECT_EQ(transport_.sent()[1].url, "http://api:80/api/v1/things?limit=10000&continue=next");
  EXPECT_THAT(transport_.watches()[0].url, testing::HasSubstr("resourceVersion=10&"));

  told_.clear();
  Deliver(Event("MODIFIED", Json("one", "11", "blue")));
  Deliver(Event("ADDED", Json("four", "12")));
  Deliver(Event("BOOKMARK", R"({"metadata":{"resourceVersion":"20"}})"));
  Deliver(Event("DELETED", Json("two", "21", "blue")));
  EXPECT_THAT(told_, ElementsAre("one@1red>one@11blue", "->four@12red", "two@2blue>-"));
  EXPECT_THAT(ByColor("blue"), ElementsAre("one"));
  EXPECT_THAT(ByColor("none"), ElementsAre());
  EXPECT_THAT(informer_.ByIndex("no such index", "x"), ElementsAre());
  EXPECT_EQ(VersionOf("two"), "-");
  std::size_t seen = 0;
  informer_.ForEach([&](const auto&) { ++seen; });
  EXPECT_EQ(seen, 3U);
}

TEST_F(InformerTest, ResumesAfterTheEndOfAWatch) {
  pages_ = {Page({Json("one", "1")}, "10"), Page({}, "12")};
  StartAndSync();
  Deliver(Event("MODIFIED", Json("one", "11")));
  transport_.Push({Kind::kBreak, ""});
  ASSERT_TRUE(transport_.WaitForWatches(2));
  EXPECT_THAT(transport_.watches()[1].url, testing::HasSubstr("resourceVersion=11&"));
  Deliver(Event("BOOKMARK", R"({"metadata":{"resourceVersion":"30"}})"));
  transport_.Push({Kind::kEnd, ""});
  ASSERT_TRUE(transport_.WaitForWatches(3));
  EXPECT_THAT(transport_.watches()[2].url, testing::HasSubstr("resourceVersion=30&"));
  // After the break alone: had the versions gone back?
  ASSERT_EQ(transport_.sent().size(), 2U);
  EXPECT_THAT(transport_.sent()[1].url, testing::EndsWith("?limit=1"));
}

TEST_F(InformerTest, ListsAnewWhenTheVersionsWentBackWhileAWatchWasBroken) {
  pages_ = {Page({Json("kept", "100"), Json("ghost", "101")}, "110"), Page({}, "10"),
            Page({Json("kept", "7", "blue")}, "10")};
  StartAndSync();
  told_.clear();
  transport_.Push({Kind::kBreak, ""});
  ASSERT_TRUE(transport_.WaitForWatches(2));
  EXPECT_THAT(transport_.watches()[1].url, testing::HasSubstr("resourceVersion=10&"));
  EXPECT_THAT(told_, ElementsAre("kept@100red>kept@7blue", "ghost@101red>-"));
}

TEST_F(InformerTest, ANewListTellsOnlyWhatChanged) {
  pages_ = {Page({Json("kept", "1"), Json("changed", "2"), Json("gone", "3")}, "10"),
            Page({Json("kept", "1"), Json("changed", "40")}, "50", "more"),
            Page({Json("new", "41")}, "50")};
  StartAndSync();
  told_.clear();
  transport_.Deliver(Event("ERROR", R"({"kind":"Status","code":410,"message":"too old"})"));
  ASSERT_TRUE(transport_.WaitForWatches(2));
  EXPECT_THAT(told_, ElementsAre("changed@2red>changed@40red", "->new@41red", "gone@3red>-"));
  EXPECT_EQ(informer_.Size(), 3U);
  EXPECT_THAT(ByColor("red"), UnorderedElementsAre("kept", "changed", "new"));
}

TEST_F(InformerTest, AfterARestoreOfEtcdWhatIsNotListedIsGoneWhateverItsVersion) {
  pages_ = {Page({Json("kept", "100"), Json("ghost", "101")}, "110"),
            Page({Json("kept", "7", "blue")}, "10")};
  StartAndSync();
  told_.clear();
  transport_.Deliver(Event("ERROR", R"({"kind":"Status","code":410,"message":"too old"})"));
  ASSERT_TRUE(transport_.WaitForWatches(2));
  EXPECT_THAT(told_, ElementsAre("kept@100red>kept@7blue", "ghost@101red>-"));
  ++delivered_;  // the error
  EXPECT_EQ(informer_.Size(), 1U);
  Deliver(Event("DELETED", Json("kept", "8", "blue")));
  EXPECT_EQ(informer_.Size(), 0U);
}

TEST_F(InformerTest, AQuietWatchIsFollowedByTheNextAtOnce) {
  pages_ = {Page({Json("one", "1")}, "10")};
  StartAndSync();
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  transport_.Push({Kind::kEnd, ""});
  const auto ended = std::chrono::steady_clock::now();
  ASSERT_TRUE(transport_.WaitForWatches(2));
  EXPECT_LT(std::chrono::steady_clock::now() - ended, std::chrono::milliseconds(500));
  EXPECT_THAT(problems_, ElementsAre());
  EXPECT_FALSE(informer_.Problem());
}

TEST_F(InformerTest, WhatDecodingThrowsConcernsTheOneObject) {
  pages_ = {Page({Json("one", "1"), Json("bad", "2", "throws"), Json("two", "3")}, "10")};
  StartAndSync();
  EXPECT_EQ(informer_.Size(), 2U);
  EXPECT_THAT(threw_, ElementsAre(testing::HasSubstr("a/bad: an exception was thrown: no color")));
  Deliver(Event("MODIFIED", Json("one", "11", "throws")));
  Deliver(Event("MODIFIED", Json("two", "12")));
  EXPECT_EQ(VersionOf("one"), "1");
  EXPECT_EQ(VersionOf("two"), "12");
  Deliver(Event("MODIFIED", Json("bad", "13")));
  EXPECT_EQ(VersionOf("bad"), "13");
  EXPECT_THAT(problems_, ElementsAre());
}

TEST_F(InformerTest, WhatAnIndexFunctionThrowsLeavesTheObjectAsItWas) {
  informer_.AddIndex("fussy", [](const Thing& thing) -> std::vector<std::string> {
    if (thing.color == "green") throw std::runtime_error("not green");
    return {thing.color};
  });
  pages_ = {Page({Json("one", "1"), Json("two", "2", "green")}, "10")};
  StartAndSync();
  EXPECT_EQ(informer_.Size(), 1U);
  Deliver(Event("MODIFIED", Json("one", "11", "green")));
  informer_.Observe(Made("one", "12", "green"));
  EXPECT_EQ(VersionOf("one"), "1");
  EXPECT_THAT(ByColor("red"), ElementsAre("one"));
  EXPECT_THAT(ByColor("green"), ElementsAre());
  EXPECT_THAT(threw_, ElementsAre(testing::HasSubstr("the index fussy of a/two"),
                                  testing::HasSubstr("the index fussy of a/one"),
                                  testing::HasSubstr("the index fussy of a/one")));
  Deliver(Event("MODIFIED", Json("two", "13", "blue")));
  EXPECT_EQ(VersionOf("two"), "13");
}

TEST_F(InformerTest, WhatAHandlerThrowsIsToldOnceMoreAndToTheOtherHandlers) {
  int throws = 1;
  informer_.AddHandler([&](const auto& before, const auto& after) {
    if ((after ? after : before)->meta.name == "bad" && throws-- > 0) throw 7;
  });
  pages_ = {Page({Json("bad", "1"), Json("one", "2")}, "10")};
  StartAndSync();
  EXPECT_THAT(told_, testing::Contains("->bad@1red"));
  EXPECT_THAT(told_, testing::Contains("->one@2red"));
  EXPECT_EQ(threw_.size(), 1U);
  told_.clear();
  std::this_thread::sleep_for(std::chrono::milliseconds(10));  // the first backoff is 5 ms
  Deliver(Event("BOOKMARK", R"({"metadata":{"resourceVersion":"11"}})"));
  EXPECT_THAT(told_, ElementsAre("->bad@1red"));
  Deliver(Event("BOOKMARK", R"({"metadata":{"resourceVersion":"12"}})"));
  EXPECT_EQ(told_.size(), 1U) << "it was told now";

  // A change that comes first is told from what the handlers know, a deletion as well.
  throws = 1;
  Deliver(Event("MODIFIED", Json("bad", "20")));
  told_.clear();
  Deliver(Event("MODIFIED", Json("bad", "21")));
  EXPECT_THAT(told_, ElementsAre("bad@1red>bad@21red"));
  throws = 1;
  Deliver(Event("DELETED", Json("bad", "22")));
  told_.clear();
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  Deliver(Event("BOOKMARK", R"({"metadata":{"resourceVersion":"23"}})"));
  EXPECT_THAT(told_, ElementsAre("bad@21red>-"));
  EXPECT_EQ(threw_.size(), 3U);
}

TEST_F(InformerTest, WhatTheProblemHandlersThrowEndsNothing) {
  fussy_ = true;
  pages_ = {Page({Colorless("bad", "1"), Json("worse", "2", "throws"), Json("one", "3")}, "10")};
  informer_.Start();
  // The list is begun anew after a while; what matters is that it is still being tried.
  ASSERT_TRUE(transport_.WaitForSent(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  informer_.Stop();
}

TEST_F(InformerTest, AWatchRefusedAsExpiredListsAgain) {
  pages_ = {Page({Json("one", "1")}, "10"), Page({}, "50")};
  transport_.Push({Kind::kRefuse, R"({"code":410,"reason":"Expired","message":"too old"})", 410});
  informer_.Start();
  ASSERT_TRUE(transport_.WaitForWatches(2));
  EXPECT_EQ(informer_.Size(), 0U);
}

TEST_F(InformerTest, AnObjectThatCannotBeReadDoesNotStopTheOthers) {
  pages_ = {Page({Json("one", "1"), Colorless("bad", "2"), Json("two", "3")}, "10"),
            Page({Colorless("one", "60")}, "70")};
  StartAndSync();
  EXPECT_EQ(informer_.Size(), 2U);
  EXPECT_THAT(problems_, ElementsAre("a/bad: color is missing"));
  // What was understood before stays as it was, also over a new list.
  Deliver(Event("MODIFIED", Colorless("one", "11")));
  Deliver(Event("MODIFIED", Json("two", "12", "blue")));
  EXPECT_EQ(VersionOf("one"), "1");
  EXPECT_EQ(VersionOf("two"), "12");
  transport_.Deliver(Event("ERROR", R"({"code":410})"));
  ASSERT_TRUE(transport_.WaitForWatches(2));
  EXPECT_EQ(VersionOf("one"), "1");
  EXPECT_EQ(VersionOf("two"), "-");
}

TEST_F(InformerTest, NonsenseInTheStreamListsAgain) {
  pages_ = {Page({Json("one", "1")}, "10"), Page({Json("one", "12")}, "20")};
  StartAndSync();
  transport_.Deliver("{nonsense");
  ASSERT_TRUE(transport_.WaitForWatches(2));
  EXPECT_EQ(VersionOf("one"), "12");
}

TEST_F(InformerTest, RetriesAListThatFails) {
  pages_ = {"<html>", Page({Json("one", "1")}, "10")};
  informer_.Start();
  EXPECT_FALSE(informer_.WaitForSync(Duration(50), {}));
  EXPECT_TRUE(informer_.Problem().has_value());
  EXPECT_TRUE(informer_.WaitForSync(std::chrono::seconds(5), {}));
  EXPECT_FALSE(informer_.Problem().has_value());
  EXPECT_THAT(problems_, ElementsAre("list /api/v1/things: the answer is not a list in JSON"));
}

TEST_F(InformerTest, AnEmptyListMayBeNull) {
  pages_ = {R"({"metadata":{"resourceVersion":"10"},"items":null})"};
  StartAndSync();
  EXPECT_EQ(informer_.Size(), 0U);
}

TEST_F(InformerTest, WaitForSyncEndsWhenStopped) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(informer_.WaitForSync(std::chrono::seconds(60), stop.get_token()));
}

TEST_F(InformerTest, OwnWritesAreSeenAtOnceAndAnnouncedOnce) {
  pages_ = {Page({Json("one", "1")}, "10")};
  StartAndSync();
  told_.clear();
  informer_.Observe(Made("one", "15", "blue"));
  EXPECT_EQ(VersionOf("one"), "15");
  EXPECT_THAT(ByColor("blue"), ElementsAre("one"));
  EXPECT_THAT(told_, ElementsAre());
  // Older events of the same object are still on their way.
  Deliver(Event("MODIFIED", Json("one", "12", "green")));
  EXPECT_EQ(VersionOf("one"), "15");
  EXPECT_THAT(told_, ElementsAre());
  Deliver(Event("MODIFIED", Json("one", "15", "blue")));
  EXPECT_THAT(told_, ElementsAre("one@1red>one@15blue"));
  Deliver(Event("MODIFIED", Json("one", "16", "red")));
  EXPECT_THAT(told_, ElementsAre("one@1red>one@15blue", "one@15blue>one@16red"));
  // Late, or not comparable: nothing happens.
  informer_.Observe(Made("one", "14", "green"));
  informer_.Observe(Made("one", "x17", "green"));
  EXPECT_EQ(VersionOf("one"), "16");
}

TEST_F(InformerTest, AnOwnWriteDoesNotBringBackWhatWasDeleted) {
  pages_ = {Page({Json("one", "1")}, "10")};
  StartAndSync();
  Deliver(Event("DELETED", Json("one", "20")));
  informer_.Observe(Made("one", "15"));
  EXPECT_EQ(VersionOf("one"), "-");
  // Made anew, and known from the answer before the watch brings it; the old deletion comes late.
  told_.clear();
  informer_.Observe(Made("two", "25"));
  EXPECT_EQ(VersionOf("two"), "25");
  Deliver(Event("DELETED", Json("two", "22")));
  EXPECT_EQ(VersionOf("two"), "25");
  Deliver(Event("ADDED", Json("two", "25")));
  EXPECT_THAT(told_, ElementsAre("->two@25red"));
}

TEST_F(InformerTest, ANewListKeepsWhatWasMadeAfterIt) {
  pages_ = {Page({}, "10"), Page({}, "30")};
  StartAndSync();
  informer_.Observe(Made("later", "35"));
  informer_.Observe(Made("earlier", "25"));
  transport_.Deliver(Event("ERROR", R"({"code":410})"));
  ASSERT_TRUE(transport_.WaitForWatches(2));
  EXPECT_EQ(VersionOf("later"), "35");
  EXPECT_EQ(VersionOf("earlier"), "-");
}

TEST_F(InformerTest, WatchesEachNamespaceByItself) {
  FakeTransport transport;
  transport.on_send = [](const HttpRequest& request) {
    const bool a = request.url.find("/namespaces/a/") != std::string::npos;
    return Respond(200,
                   R"({"metadata":{"resourceVersion":"10"},"items":[{"metadata":{"namespace":")" +
                       std::string(a ? "a" : "b") +
                       R"(","name":"x","resourceVersion":"1"},"color":"red"}]})");
  };
  Client client(transport, access_);
  Informer<Thing> informer(client, {"", "v1", "things", "Thing"}, {"a", "b"}, DecodeThing);
  informer.Start();
  ASSERT_TRUE(informer.WaitForSync(std::chrono::seconds(5), {}));
  EXPECT_EQ(informer.Size(), 2U);
  EXPECT_TRUE(informer.Get({"b", "x"}));
  ASSERT_TRUE(transport.WaitForWatches(2));
  informer.Stop();
  EXPECT_EQ(informer.Size(), 2U);
}

TEST(VersionTest, ComparesAsNumbersOfAnyLength) {
  EXPECT_TRUE(IsNewer("10", "9"));
  EXPECT_FALSE(IsNewer("9", "10"));
  EXPECT_FALSE(IsNewer("9", "9"));
  EXPECT_FALSE(IsNewer("09", "9"));
  EXPECT_TRUE(IsNewer("99999999999999999999999999", "99999999999999999999999998"));
  EXPECT_TRUE(IsNewer("1", ""));
  EXPECT_FALSE(IsNewer("", "1"));
  EXPECT_FALSE(IsNewer("a", "1"));
  EXPECT_FALSE(IsNewer("2", "a"));
}

}  // namespace
}  // namespace purser::kube
