#include "usage/records/claims.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

namespace purser::usage::records {
namespace {

using Found = Claims::Found;
using std::chrono::hours;
const Timestamp kNow(hours(500'000));

// The ids that a ledger would hold.
class Log final : public ledger::CallLog {
 public:
  void Put(const void*, ledger::CallsOfBatch) override {}
  void Drop(const void*) override {}
  Result<std::pair<std::uint64_t, std::uint64_t>> IdSeed() override { return std::pair(1UL, 2UL); }
  Status ForEachId(const std::string& source, Timestamp,
                   const std::function<void(ledger::CallId, Timestamp)>& visit) override {
    for (const auto& [of, id] : ids) {
      if (of == source) visit(id, kNow);
    }
    return Ok();
  }
  Result<std::vector<ledger::Call>> Calls(const ledger::CallFilter&) override {
    return std::vector<ledger::Call>();
  }
  Result<bool> Prune(Timestamp, std::int64_t, Timestamp) override { return false; }

  std::vector<std::pair<std::string, ledger::CallId>> ids;
};

class ClaimsTest : public testing::Test {
 protected:
  std::unique_ptr<Claims> Load(std::size_t most = 1000) {
    auto claims = Claims::Load("default", log_, kNow, most);
    EXPECT_TRUE(claims.ok());
    return std::move(*claims);
  }
  std::array<ledger::CallId, 1> Name(const std::string& name) const {
    return {claims_->IdOf("agents", name)};
  }
  std::array<ledger::CallId, 1> Told(Claims::Told told, bool failed = false) const {
    return {claims_->IdOf("agents", "adm-1", told, failed)};
  }

  Log log_;
  std::unique_ptr<Claims> claims_ = Load();
};

TEST_F(ClaimsTest, WhatIsNotKeptIsAsIfItHadNeverBeen) {
  const auto name = Name("a");
  {
    Claims::Group group(*claims_);
    EXPECT_EQ(group.Claim({.names = name}, kNow), Found::kNew);
    EXPECT_EQ(group.Claim({.names = name}, kNow), Found::kBooked) << "by this very group";
    Claims::Group other(*claims_);
    EXPECT_EQ(other.Claim({.names = name}, kNow), Found::kBeingBooked);
    EXPECT_EQ(claims_->Look(name), Found::kBeingBooked);
  }
  EXPECT_EQ(claims_->Look(name), Found::kNew);
  Claims::Group group(*claims_);
  EXPECT_EQ(group.Claim({.names = name}, kNow), Found::kNew);
  group.Keep();
  EXPECT_EQ(claims_->Look(name), Found::kBooked);
}

TEST_F(ClaimsTest, TheSecondOfTwoSidesFindsTheFirst) {
  using enum Claims::Told;
  for (const bool record_first : {true, false}) {
    claims_ = Load();
    Claims::Group group(*claims_);
    const auto record = Name("record");
    const auto key = Name("key");
    const auto recorded = Told(kRecorded);
    const auto settled = Told(kSettled);
    const auto end = std::array{key[0], settled[0]};
    const Claims::Group::Call posts{.names = record, .others = settled, .marks = recorded};
    const Claims::Group::Call settles{.names = end, .others = recorded};
    EXPECT_EQ(group.Claim(record_first ? posts : settles, kNow), Found::kNew);
    EXPECT_EQ(group.Claim(record_first ? settles : posts, kNow), Found::kBooked);
    // Another attempt of the same admission, recorded as well, is another call.
    const auto second = Name("second");
    EXPECT_EQ(group.Claim({.names = second, .others = settled, .marks = recorded}, kNow),
              record_first ? Found::kNew : Found::kBooked);
    const auto failed = Name("failed");
    const auto failed_settled = Told(kSettled, true);
    EXPECT_EQ(group.Claim({.names = failed, .others = failed_settled}, kNow), Found::kNew);
  }
}

TEST_F(ClaimsTest, AreThereAgainAfterARestartAndOfTheirSourceAlone) {
  const auto a = Name("a");
  const auto b = Name("b");
  log_.ids = {{"default", a[0]}, {"another", b[0]}};
  claims_ = Load();
  EXPECT_EQ(claims_->Look(a), Found::kBooked);
  EXPECT_EQ(claims_->Look(b), Found::kNew);
}

TEST_F(ClaimsTest, WhoWaitsIsWokenWhenItIsDecided) {
  const auto name = Name("a");
  auto group = std::make_unique<Claims::Group>(*claims_);
  ASSERT_EQ(group->Claim({.names = name}, kNow), Found::kNew);
  std::jthread ends([&] { group.reset(); });
  claims_->Wait(name, std::chrono::minutes(5));
  EXPECT_EQ(claims_->Look(name), Found::kNew);
}

TEST_F(ClaimsTest, OfTooManyNoneIsTaken) {
  claims_ = Load(2);
  Claims::Group group(*claims_);
  for (const auto* name : {"a", "b", "c", "d"}) {
    const auto id = Name(name);
    EXPECT_EQ(group.Claim({.names = id}, kNow), Found::kNew);
  }
  const auto id = Name("e");
  EXPECT_EQ(group.Claim({.names = id}, kNow), Found::kNoRoom);
}

}  // namespace
}  // namespace purser::usage::records
