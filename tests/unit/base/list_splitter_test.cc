#include "base/list_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace purser {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Split {
  std::vector<std::string> items;
  Result<std::string> around = Error(ErrorCode::kInternal, "not run");
};

// `piece` bytes at a time.
Split SplitInto(std::string_view list, std::size_t piece, std::size_t longest = 1000) {
  Split split;
  ListSplitter splitter(longest);
  while (!list.empty()) {
    const auto fed = splitter.Feed(list.substr(0, piece), [&](std::string_view item) {
      split.items.emplace_back(item);
      return Ok();
    });
    if (!fed) {
      split.around = fed.error();
      return split;
    }
    list.remove_prefix(std::min(piece, list.size()));
  }
  split.around = splitter.Around();
  return split;
}

TEST(ListSplitterTest, GivesItemsWhereverThePiecesEnd) {
  const std::string list = R"( {"kind":"items", "metadata":{"items":[{"no":1}],"continue":"a:\""},
    "items" : [{"a":"}]\"{","b":[{},[]]} , {"c":"\\"},{} ] ,"more":["items"] } )";
  for (std::size_t piece = 1; piece <= list.size(); ++piece) {
    const auto split = SplitInto(list, piece);
    ASSERT_TRUE(split.around.ok()) << piece << ": " << split.around.error().message();
    EXPECT_THAT(split.items, ElementsAre(R"({"a":"}]\"{","b":[{},[]]})", R"({"c":"\\"})", "{}"))
        << piece;
    EXPECT_EQ(*split.around,
              R"( {"kind":"items", "metadata":{"items":[{"no":1}],"continue":"a:\""},
    "items" : [] ,"more":["items"] } )")
        << piece;
  }
}

TEST(ListSplitterTest, LeavesListsOfNone) {
  for (const char* list : {R"({"items":[]})", R"({"items":null})", R"({"items":[ ]})", R"({})"}) {
    const auto split = SplitInto(list, 3);
    EXPECT_TRUE(split.around.ok()) << list;
    EXPECT_TRUE(split.items.empty()) << list;
  }
  EXPECT_EQ(*SplitInto(R"({"items":null})", 100).around, R"({"items":null})");
}

TEST(ListSplitterTest, FindsAListInsideAnotherObject) {
  ListSplitter splitter(1000, R"("result")", 2);
  std::vector<std::string> items;
  const auto fed = splitter.Feed(
      R"({"result":[{"a":1}],"data":{"resultType":"matrix","result":[{"b":[2]},{"c":{}}]},"x":[{}]})",
      [&](std::string_view item) -> Status {
        items.emplace_back(item);
        return Ok();
      });
  ASSERT_TRUE(fed.ok());
  EXPECT_EQ(items, (std::vector<std::string>{R"({"b":[2]})", R"({"c":{}})"}));
  EXPECT_EQ(splitter.Around().value(),
            R"({"result":[{"a":1}],"data":{"resultType":"matrix","result":[]},"x":[{}]})");
}

TEST(ListSplitterTest, RefusesWhatIsNoList) {
  const struct {
    const char* list;
    const char* says;
  } cases[] = {
      {"", "cut short"},
      {R"({"items":[{"a":1})", "cut short"},
      {R"({"items":[{"a":1},)", "cut short"},
      {R"({"items":[{"a":)", "cut short"},
      {R"({"items":[{}])", "cut short"},
      {R"({"items":[],"a":")", "cut short"},
      {R"({"items":[{},]})", "between its items"},
      {R"({"items":[,{}]})", "between its items"},
      {R"({"items":[{}{}]})", "between its items"},
      {R"({"items":[1]})", "between its items"},
      {R"({"items":["a"]})", "between its items"},
      {R"({"items":[{}})", "between its items"},
      {R"(}{)", "a bracket too many"},
  };
  for (const auto& [list, says] : cases) {
    for (const std::size_t piece : {1, 2, 100}) {
      const auto split = SplitInto(list, piece);
      ASSERT_FALSE(split.around.ok()) << list;
      EXPECT_EQ(split.around.error().code(), ErrorCode::kCorrupt) << list;
      EXPECT_THAT(split.around.error().message(), HasSubstr(says)) << list;
    }
  }
}

TEST(ListSplitterTest, BoundsItemsAndWhatIsAroundThem) {
  const std::string item = R"({"a":")" + std::string(100, 'x') + "\"}";
  const std::string of_two = R"({"items":[)" + item + "," + item + "]}";
  const std::string around = R"({"a":")" + std::string(100, 'x') + R"(","items":[]})";
  for (const std::size_t piece : {1, 7, 1000}) {
    EXPECT_TRUE(SplitInto(of_two, piece, item.size()).around.ok()) << piece;
    const auto too_long = SplitInto(of_two, piece, item.size() - 1);
    ASSERT_FALSE(too_long.around.ok()) << piece;
    EXPECT_EQ(too_long.around.error().code(), ErrorCode::kResourceExhausted);
    EXPECT_TRUE(too_long.items.empty()) << piece;
    EXPECT_TRUE(SplitInto(around, piece, around.size()).around.ok()) << piece;
    ASSERT_FALSE(SplitInto(around, piece, around.size() - 1).around.ok()) << piece;
  }
}

TEST(ListSplitterTest, EndsWithTheErrorOfAnItem) {
  ListSplitter splitter(100);
  const auto fed = splitter.Feed(R"({"items":[{},{}]})", [](std::string_view) -> Status {
    return Error(ErrorCode::kCorrupt, "mine");
  });
  ASSERT_FALSE(fed.ok());
  EXPECT_EQ(fed.error().message(), "mine");
}

}  // namespace
}  // namespace purser
