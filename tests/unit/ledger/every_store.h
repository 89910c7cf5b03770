// What a test of every kind of store runs on.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ledger/sqlite/sqlite_store.h"
#include "support/memory_store.h"
#include "temporary_file.h"

namespace purser::ledger {

// One place where stores are opened, several times: a restart, or a second leader.
class Database {
 public:
  virtual ~Database() = default;
  virtual std::unique_ptr<Store> Open() = 0;
};

class InMemory final : public Database {
 public:
  std::unique_ptr<Store> Open() override {
    return std::make_unique<support::MemoryStore>(database_);
  }

 private:
  std::shared_ptr<support::MemoryDatabase> database_ = std::make_shared<support::MemoryDatabase>();
};

class InFile final : public Database {
 public:
  std::unique_ptr<Store> Open() override {
    auto store = OpenSqliteStore(folder_.File());
    EXPECT_TRUE(store.ok()) << store.error().message();
    return std::move(*store);
  }

 private:
  TemporaryFolder folder_;
};

struct StoreKind {
  const char* name;
  std::function<std::unique_ptr<Database>()> make;
};

inline std::vector<StoreKind> EveryStore() {
  return {{"Memory", [] { return std::make_unique<InMemory>(); }},
          {"Sqlite", [] { return std::make_unique<InFile>(); }}};
}

inline std::string NameOfKind(const ::testing::TestParamInfo<StoreKind>& kind) {
  return kind.param.name;
}

// A store that was taken over.
class EveryStoreTest : public ::testing::TestWithParam<StoreKind> {
 protected:
  EveryStoreTest() : database_(GetParam().make()), store_(database_->Open()) {
    EXPECT_TRUE(store_->TakeOver().ok());
  }

  Amounts Sum(const Coverage& coverage) {
    const auto agents = support::SumOne(*store_, coverage);
    EXPECT_TRUE(agents.ok());
    Amounts sum;
    for (const auto& agent : *agents) sum += agent.spent;
    return sum;
  }

  std::unique_ptr<Database> database_;
  std::unique_ptr<Store> store_;
};

}  // namespace purser::ledger
