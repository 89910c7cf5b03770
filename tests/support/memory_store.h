// A Store without a disk: several stores may share one database, as two leaders share a file.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "ledger/store.h"

namespace purser::support {

struct MemoryDatabase {
  std::mutex mutex;
  std::int64_t epoch = 0;
  std::map<ledger::SpendKey, std::map<std::int64_t, Money>> minutes;
  std::map<std::string, std::map<std::pair<std::uint64_t, std::uint64_t>, ledger::SeriesCursor>>
      cursors;
  struct Source {
    std::optional<Timestamp> epoch;
    std::optional<Timestamp> complete_until, newest_sample;
  };
  std::map<std::string, Source> sources;
  int commits = 0;
};

class MemoryStore final : public ledger::Store {
 public:
  explicit MemoryStore(
      std::shared_ptr<MemoryDatabase> database = std::make_shared<MemoryDatabase>())
      : database_(std::move(database)) {}

  MemoryDatabase& database() { return *database_; }
  // Called before every read and write; an error returned is the call's. Set before use.
  std::function<Status()> fail;

  Result<std::int64_t> TakeOver() override {
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    epoch_ = ++database_->epoch;
    return epoch_;
  }

  Status Commit(const ledger::Batch& batch) override {
    PURSER_RETURN_IF_ERROR(ledger::Check(batch));
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    PURSER_RETURN_IF_ERROR(CheckFence());
    for (const auto& increment : batch.increments)
      database_->minutes[increment.key][ledger::MinuteOf(increment.at)] += increment.cost;
    for (const auto& cursor : batch.cursors)
      database_->cursors[batch.source][{cursor.series_high, cursor.series_low}] = cursor;
    auto& source = database_->sources[batch.source];
    if (batch.complete_until)
      source.complete_until = std::max(source.complete_until, batch.complete_until);
    if (batch.newest_sample)
      source.newest_sample = std::max(source.newest_sample, batch.newest_sample);
    ++database_->commits;
    return Ok();
  }

  Result<std::vector<ledger::AgentSpend>> Sum(const ledger::Coverage& coverage) override {
    PURSER_RETURN_IF_ERROR(Fail());
    std::map<std::string, Money> agents;
    ForEach(coverage,
            [&](const std::string& agent, std::int64_t, Money spent) { agents[agent] += spent; });
    std::vector<ledger::AgentSpend> result;
    for (const auto& [agent, spent] : agents) result.push_back({agent, spent});
    return result;
  }

  Result<std::vector<ledger::MinuteSpend>> Minutes(const ledger::Coverage& coverage) override {
    PURSER_RETURN_IF_ERROR(Fail());
    std::map<std::int64_t, Money> minutes;
    ForEach(coverage, [&](const std::string&, std::int64_t minute, Money spent) {
      minutes[minute] += spent;
    });
    std::vector<ledger::MinuteSpend> result;
    for (const auto& [minute, spent] : minutes) result.push_back({minute, spent});
    return result;
  }

  Result<std::optional<ledger::SeriesCursor>> FindCursor(const std::string& source,
                                                         std::uint64_t high,
                                                         std::uint64_t low) override {
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    const auto& cursors = database_->cursors[source];
    const auto found = cursors.find({high, low});
    if (found == cursors.end()) return std::optional<ledger::SeriesCursor>();
    return std::optional(found->second);
  }

  Result<std::optional<ledger::SourcePosition>> Position(const std::string& source) override {
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    const auto& known = database_->sources[source];
    if (!known.epoch) return std::optional<ledger::SourcePosition>();
    return std::optional(
        ledger::SourcePosition{*known.epoch, known.complete_until, known.newest_sample});
  }

  Status SetEpoch(const std::string& source, Timestamp epoch) override {
    PURSER_RETURN_IF_ERROR(ledger::Check({source, {}, {}, {}, {}}));
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    PURSER_RETURN_IF_ERROR(CheckFence());
    database_->sources[source].epoch = epoch;
    return Ok();
  }

  Status Fold(Timestamp) override {
    return Fail();
  }  // sums of calendar windows do not change by it

 private:
  Status Fail() const { return fail ? fail() : Ok(); }

  Status CheckFence() const {
    if (epoch_ != 0 && epoch_ == database_->epoch) return Ok();
    return Error(ErrorCode::kFenced, "another leader has taken over, or nobody has");
  }

  template <typename Visit>
  void ForEach(const ledger::Coverage& coverage, const Visit& visit) {
    const std::lock_guard lock(database_->mutex);
    for (const auto& [key, minutes] : database_->minutes) {
      if (key.source != coverage.source || key.ns != coverage.ns) continue;
      const auto& agents = coverage.agents;
      if (!coverage.whole_namespace &&
          std::find(agents.begin(), agents.end(), key.agent) == agents.end())
        continue;
      for (auto i = minutes.lower_bound(ledger::MinuteOf(coverage.start));
           i != minutes.end() && i->first < ledger::MinuteNotBefore(coverage.end); ++i) {
        visit(key.agent, i->first, i->second);
      }
    }
  }

  const std::shared_ptr<MemoryDatabase> database_;
  std::int64_t epoch_ = 0;
};

// A store that somebody else owns, for a ledger that wants one of its own.
class BorrowedStore : public ledger::Store {
 public:
  explicit BorrowedStore(ledger::Store& store) : store_(store) {}
  Result<std::int64_t> TakeOver() override { return store_.TakeOver(); }
  Status Commit(const ledger::Batch& batch) override { return store_.Commit(batch); }
  Result<std::vector<ledger::AgentSpend>> Sum(const ledger::Coverage& coverage) override {
    return store_.Sum(coverage);
  }
  Result<std::vector<ledger::MinuteSpend>> Minutes(const ledger::Coverage& coverage) override {
    return store_.Minutes(coverage);
  }
  Result<std::optional<ledger::SeriesCursor>> FindCursor(const std::string& source,
                                                         std::uint64_t high,
                                                         std::uint64_t low) override {
    return store_.FindCursor(source, high, low);
  }
  Result<std::optional<ledger::SourcePosition>> Position(const std::string& source) override {
    return store_.Position(source);
  }
  Status SetEpoch(const std::string& source, Timestamp epoch) override {
    return store_.SetEpoch(source, epoch);
  }
  Status Fold(Timestamp now) override { return store_.Fold(now); }

 private:
  ledger::Store& store_;
};

}  // namespace purser::support
