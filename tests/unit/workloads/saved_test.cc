#include "workloads/saved.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace purser::workloads {
namespace {

using testing::HasSubstr;

TEST(SavedTest, RoundTrip) {
  const Saved saved{5, 0, "research", "0b8f-uid"};
  EXPECT_EQ(saved.Encode(), R"({"replicas":5,"set":0,"pool":"research","poolUID":"0b8f-uid"})");
  const auto decoded = Saved::Decode(saved.Encode());
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, saved);
}

TEST(SavedTest, TellsOfWhichObjectAndWhichStop) {
  Saved saved{5, 0, "research", "0b8f-uid"};
  saved.workload_uid = "77";
  saved.at = Timestamp(std::chrono::seconds(1'800'000'000));
  EXPECT_EQ(saved.Encode(),
            R"({"replicas":5,"set":0,"pool":"research","poolUID":"0b8f-uid","uid":"77",)"
            R"("at":"2027-01-15T08:00:00Z"})");
  const auto decoded = Saved::Decode(saved.Encode());
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, saved);
}

TEST(SavedTest, EncodesAnythingWithoutFailing) {
  EXPECT_TRUE(Saved::Decode(Saved{1, 0, "bad \xff name", "u"}.Encode()).ok());
}

TEST(SavedTest, RefusesWhatIsNotOurs) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "not a JSON object"},
      {"5", "not a JSON object"},
      {"[5]", "not a JSON object"},
      {"{", "not a JSON object"},
      {R"({"replicas":5,"set":0,"pool":"p","poolUID":"u"} x)", "not a JSON object"},
      {R"({"set":0,"pool":"p","poolUID":"u"})", "replicas and set"},
      {R"({"replicas":5,"pool":"p","poolUID":"u"})", "replicas and set"},
      {R"({"replicas":"5","set":0,"pool":"p","poolUID":"u"})", "replicas and set"},
      {R"({"replicas":5.5,"set":0,"pool":"p","poolUID":"u"})", "replicas and set"},
      {R"({"replicas":-1,"set":0,"pool":"p","poolUID":"u"})", "replicas and set"},
      {R"({"replicas":2147483648,"set":0,"pool":"p","poolUID":"u"})", "replicas and set"},
      {R"({"replicas":18446744073709551615,"set":0,"pool":"p","poolUID":"u"})", "replicas and set"},
      {R"({"replicas":5,"set":0,"pool":7,"poolUID":"u"})", "pool and poolUID"},
      {R"({"replicas":5,"set":0,"pool":"","poolUID":"u"})", "pool and poolUID"},
      {R"({"replicas":5,"set":0,"pool":"p"})", "pool and poolUID"},
  };
  for (const auto& [text, want] : cases) {
    const auto decoded = Saved::Decode(text);
    ASSERT_FALSE(decoded.ok()) << text;
    EXPECT_EQ(decoded.error().code(), ErrorCode::kCorrupt) << text;
    EXPECT_THAT(decoded.error().message(), HasSubstr(want)) << text;
  }
  const auto huge =
      R"({"replicas":5,"set":0,"pool":"p","poolUID":")" + std::string(4096, 'u') + "\"}";
  EXPECT_THAT(Saved::Decode(huge).error().message(), HasSubstr("4 KiB"));
}

Saved At(std::int32_t replicas, int seconds, std::string uid = "77") {
  Saved saved{replicas, 0, "research", "uid-1"};
  saved.workload_uid = std::move(uid);
  saved.at = Timestamp(std::chrono::seconds(1'800'000'000 + seconds));
  return saved;
}

struct Copies {
  const char* name;
  std::optional<std::string> annotation;
  std::optional<Saved> known;
  std::optional<Saved> want;
  bool want_annotated;
  const char* want_doubt;
};

TEST(CompareTest, Table) {
  const auto early = At(5, 0);
  const auto late = At(9, 60);
  const Copies cases[] = {
      {"nothing taken", {}, {}, {}, true, ""},
      {"both", early.Encode(), early, early, true, ""},
      {"the status lags", late.Encode(), early, late, true, ""},
      {"the status was never written", early.Encode(), {}, early, true, ""},
      {"the annotation is gone", {}, early, early, false, "is gone"},
      {"a rollback brought an old one", early.Encode(), late, late, false, "9 will be restored"},
      {"somebody edited it", At(7, 0).Encode(), early, At(7, 0), true, "says 7 replicas"},
      {"not ours to read", "x", {}, {}, false, "cannot be read"},
      {"not ours to read, but known", "x", early, early, false, "cannot be read"},
      {"of another object", At(5, 0, "66").Encode(), {}, {}, false, "another object"},
      {"both of another object",
       At(5, 0, "66").Encode(),
       At(5, 0, "66"),
       {},
       false,
       "another object"},
      {"the known is of an earlier object", {}, At(5, 0, "66"), {}, true, ""},
      {"of a version that wrote neither",
       R"({"replicas":5,"set":0,"pool":"p","poolUID":"u"})",
       {},
       Saved{5, 0, "p", "u"},
       true,
       ""},
  };
  for (const auto& c : cases) {
    const std::optional<std::string_view> annotation =
        c.annotation ? std::optional<std::string_view>(*c.annotation) : std::nullopt;
    const auto copies = Compare(annotation, c.known, "77");
    EXPECT_EQ(copies.saved, c.want) << c.name;
    EXPECT_EQ(copies.annotated, c.want_annotated) << c.name;
    EXPECT_THAT(copies.doubt, HasSubstr(c.want_doubt)) << c.name;
    EXPECT_EQ(copies.doubt.empty(), std::string_view(c.want_doubt).empty()) << c.name;
  }
}

}  // namespace
}  // namespace purser::workloads
