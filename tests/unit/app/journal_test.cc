// `purser journal` beside an open store.
#include "app/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ledger/sqlite/sqlite_store.h"
#include "support/memory_store.h"

namespace purser::app {
namespace {

using namespace std::chrono_literals;
using ledger::HeldState;
using ledger::JournalEntry;
using ledger::JournalKind;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr Timestamp kNoon{1'795'780'800s};  // 2026-11-27T12:00:00Z

JournalEntry Entry(JournalKind kind, const std::string& agent, Timestamp at, Amounts amount,
                   HeldState held = HeldState::kNone) {
  JournalEntry entry;
  entry.kind = kind;
  entry.at = at;
  entry.recorded = at + 15s;
  entry.key = {"default", "agents", agent, "m", "", ""};
  entry.series = "agent_cost_usd_total{agent=\"" + agent + "\"}";
  entry.amount = amount;
  entry.reason = "its start is not proved";
  entry.held = held;
  return entry;
}

class JournalCommand : public ::testing::Test {
 protected:
  JournalCommand() {
    std::string pattern = ::testing::TempDir() + "purser-journal-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    options_.config_file = folder_ / "config.yaml";
    std::ofstream(options_.config_file)
        << "apiVersion: config.purser.dev/v1alpha1\nkind: OperatorConfig\nstore: {path: "
        << (folder_ / "ledger.db").string()
        << "}\nsources:\n- name: default\n  prometheus: {url: http://localhost:9090, metric: "
           "cost}\n";
  }
  ~JournalCommand() override { std::filesystem::remove_all(folder_); }

  void Write(std::vector<JournalEntry> entries) {
    if (!store_) {
      store_ = std::move(*ledger::OpenSqliteStore(folder_ / "ledger.db"));
      ASSERT_TRUE(store_->TakeOver().ok());
    }
    ledger::Batch batch;
    batch.source = "default";
    batch.journal = std::move(entries);
    ASSERT_TRUE(support::CommitOne(*store_, batch).ok());
  }
  JournalOutput Read() {
    const auto output = ReadJournal(options_, kNoon);
    EXPECT_TRUE(output.ok()) << output.error().message();
    return output ? *output : JournalOutput();
  }
  std::string ErrorOf() {
    const auto output = ReadJournal(options_, kNoon);
    EXPECT_FALSE(output.ok());
    return output.ok() ? "" : output.error().message();
  }

  std::filesystem::path folder_;
  JournalOptions options_;
  std::unique_ptr<ledger::Store> store_;  // as a running operator has it open
};

TEST_F(JournalCommand, TellsInColumnsBesideAnOpenStore) {
  Write({Entry(JournalKind::kFirstValue, "writer", kNoon - 2h, CostOf(*Money::ParseLimit("1.5"))),
         Entry(JournalKind::kDoubt, "researcher", kNoon - 1h,
               {.cost = *Money::ParseLimit("812"), .calls = 1, .input_tokens = 5},
               HeldState::kHeld)});
  const auto output = Read();
  EXPECT_THAT(output.notes, IsEmpty());
  EXPECT_EQ(
      output.text,
      R"(TIME                  KIND          AGENT              AMOUNT                        SERIES                                    REASON
2026-11-27T10:00:00Z  FirstValue    agents/writer      $1.5                          agent_cost_usd_total{agent="writer"}      its start is not proved
2026-11-27T11:00:00Z  Doubt (Held)  agents/researcher  $812, 1 call, 5 input tokens  agent_cost_usd_total{agent="researcher"}  its start is not proved
  held as 2, to decide it apply: {apiVersion: purser.dev/v1alpha1, kind: SpendCorrection, metadata: {name: doubt-2, namespace: agents}, spec: {doubt: 2, decision: Accept, reason: "..."}} (or Reject)
)");
  // The operator goes on writing.
  Write({Entry(JournalKind::kDip, "writer", kNoon, {})});
  EXPECT_THAT(Read().text, HasSubstr("Dip"));
}

TEST_F(JournalCommand, NarrowsAndSaysWhatItCannot) {
  Write({Entry(JournalKind::kDip, "writer", kNoon - 3h, {}),
         Entry(JournalKind::kRestart, "writer", kNoon - 1h, {}),
         Entry(JournalKind::kDoubt, "researcher", kNoon - 1h, {}, HeldState::kHeld)});
  options_.since = "2h";
  EXPECT_THAT(Read().text, AllOf(HasSubstr("Restart"), HasSubstr("Doubt"), Not(HasSubstr("Dip"))));
  options_.agents = {"agents/writer"};
  EXPECT_THAT(Read().text, AllOf(HasSubstr("Restart"), Not(HasSubstr("Doubt"))));
  options_.since = "2026-11-27T08:00:00Z";
  EXPECT_THAT(Read().text, HasSubstr("Dip"));
  options_.budget = "agents/daily";
  EXPECT_THAT(Read().notes, IsEmpty());
  options_.agents.clear();
  EXPECT_THAT(Read().notes, HasSubstr("all entries of namespace agents"));
  options_.held = true;
  EXPECT_THAT(Read().text, AllOf(HasSubstr("Doubt (Held)"), Not(HasSubstr("Restart"))));
  options_.held = false;
  options_.most = 1;
  EXPECT_THAT(Read().notes, HasSubstr("only the newest 1 entries"));
  options_.budget = "elsewhere/daily";
  EXPECT_THAT(Read().notes, HasSubstr("no entries"));
}

TEST_F(JournalCommand, TellsOneObjectALine) {
  auto entry = Entry(JournalKind::kCorrection, "wri\xff\nter", kNoon, {});
  entry.amount.latency_ms = 7;
  entry.amount.estimated = Money::FromNanos(1);
  entry.by = "alice";
  entry.origin = "SpendCorrection/1";
  Write({entry, entry});
  options_.output = "json";
  const auto text = Read().text;
  // The second one was booked before.
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["id"], 1);
  EXPECT_EQ(json["kind"], "Correction");
  EXPECT_EQ(json["at"], "2026-11-27T12:00:00.000Z");
  EXPECT_EQ(json["agent"], "wri\xef\xbf\xbd\nter");
  EXPECT_EQ(json["amount"],
            (nlohmann::json{{"estimated", "0.000000001"}, {"latencyMilliseconds", 7}}));
  EXPECT_EQ(json["by"], "alice");
  EXPECT_FALSE(json.contains("held"));
  options_.output = "text";
  EXPECT_THAT(Read().text, HasSubstr("(by alice)"));
  EXPECT_THAT(Read().text, Not(HasSubstr("wri\xff\n")));
}

TEST_F(JournalCommand, ErrorsNameTheOptionAndTheWayOut) {
  EXPECT_THAT(ErrorOf(), AllOf(HasSubstr("store.path"), HasSubstr("ledger.db")));
  Write({});
  options_.since = "yesterday";
  EXPECT_THAT(ErrorOf(), StartsWith("--since \"yesterday\": want a time"));
  options_.since.clear();
  for (const char* text : {"agents", "/x", "agents/", "a/b/c"}) {
    options_.agents = {text};
    EXPECT_THAT(ErrorOf(), HasSubstr("want NAMESPACE/NAME")) << text;
  }
  options_.agents = {"agents/a", "other/b"};
  EXPECT_THAT(ErrorOf(), HasSubstr("one namespace at a time"));
  options_.agents.clear();
  options_.output = "yaml";
  EXPECT_THAT(ErrorOf(), HasSubstr("want text or json"));
  options_.output = "text";
  options_.config_file += ".missing";
  EXPECT_THAT(ErrorOf(), HasSubstr("--config"));
}

TEST_F(JournalCommand, LeavesAFileThatNobodyHasOpenAsItWas) {
  Write({Entry(JournalKind::kDip, "writer", kNoon, {})});
  store_.reset();
  const auto path = folder_ / "ledger.db";
  const auto written = std::filesystem::last_write_time(path);
  EXPECT_THAT(Read().text, HasSubstr("Dip"));
  EXPECT_EQ(std::filesystem::last_write_time(path), written);
  Write({Entry(JournalKind::kRestart, "writer", kNoon, {})});
  EXPECT_THAT(Read().text, HasSubstr("Restart"));
}

}  // namespace
}  // namespace purser::app
