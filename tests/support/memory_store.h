// A Store without a disk: several stores may share one database, as two leaders share a file.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ledger/store.h"

namespace purser::support {

struct MemoryDatabase {
  std::mutex mutex;
  std::int64_t epoch = 0;
  std::map<ledger::SpendKey, std::map<std::int64_t, Amounts>> minutes;
  std::map<std::string, std::map<ledger::SeriesId, ledger::SeriesCursor>> cursors;
  std::map<ledger::SpendKey, ledger::KeyRate> rates;
  std::vector<ledger::JournalEntry> journal;  // ids from 1, none is ever dropped
  std::vector<ledger::Membership> memberships;
  std::map<std::string, ledger::RowHold> holds;  // by row
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

  Result<std::string> LedgerId() override {
    PURSER_RETURN_IF_ERROR(Fail());
    return std::string("memory");
  }

  Result<std::int64_t> TakeOver() override {
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    epoch_ = ++database_->epoch;
    return epoch_;
  }

  Status Commit(std::vector<ledger::Batch>& batches) override {
    for (const auto& batch : batches) PURSER_RETURN_IF_ERROR(ledger::Check(batch));
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    PURSER_RETURN_IF_ERROR(CheckFence());
    for (auto& batch : batches) Write(batch);
    ++database_->commits;
    return Ok();
  }

  Result<ledger::Corrected> Correct(const ledger::Correction& correction) override {
    PURSER_RETURN_IF_ERROR(ledger::Check(correction));
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    PURSER_RETURN_IF_ERROR(CheckFence());
    for (const auto& entry : database_->journal) {
      if (entry.origin == correction.origin) return ledger::Corrected{entry.id, true, {}};
    }
    auto* doubt = Find(correction.doubt);
    const auto named = doubt == nullptr ? std::nullopt : std::optional(*doubt);
    auto decided = ledger::Decide(correction, named);
    if (!decided) return decided.error();
    if (!*decided) return ledger::Corrected{correction.doubt, true, {}};
    if (doubt != nullptr) {
      doubt->held = correction.accept ? ledger::HeldState::kAccepted : ledger::HeldState::kRejected;
      doubt->by = correction.by;
    }
    ledger::Corrected corrected;
    ledger::JournalEntry& entry = **decided;
    if (!entry.amount.IsZero()) {
      database_->minutes[entry.key][ledger::MinuteOf(entry.at)] += entry.amount;
      corrected.increment = ledger::Increment{entry.key, entry.at, entry.amount};
    }
    Append(entry);
    corrected.entry = entry.id;
    return corrected;
  }

  Result<std::vector<std::vector<ledger::AgentSpend>>> Sums(
      const std::vector<ledger::Coverage>& coverages) override {
    PURSER_RETURN_IF_ERROR(Fail());
    std::vector<std::vector<ledger::AgentSpend>> result;
    for (const auto& coverage : coverages) {
      std::map<std::string, Amounts> agents;
      ForEach(coverage, [&](const std::string& agent, std::int64_t, const Amounts& spent) {
        agents[agent] += spent;
      });
      auto& sums = result.emplace_back();
      for (const auto& [agent, spent] : agents) {
        if (!spent.IsZero()) sums.push_back({agent, spent});
      }
    }
    return result;
  }

  Result<std::vector<std::vector<ledger::MinuteSpend>>> Minutes(
      const std::vector<ledger::Coverage>& coverages) override {
    PURSER_RETURN_IF_ERROR(Fail());
    std::vector<std::vector<ledger::MinuteSpend>> result;
    for (const auto& coverage : coverages) {
      std::map<std::int64_t, Amounts> minutes;
      ForEach(coverage, [&](const std::string&, std::int64_t minute, const Amounts& spent) {
        minutes[minute] += spent;
      });
      auto& sums = result.emplace_back();
      for (const auto& [minute, spent] : minutes) {
        if (!spent.IsZero()) sums.push_back({minute, spent});
      }
    }
    return result;
  }

  Result<std::vector<ledger::SeriesCursor>> CursorsSince(const std::string& source,
                                                         Timestamp since) override {
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    std::vector<ledger::SeriesCursor> found;
    for (const auto& [series, cursor] : database_->cursors[source]) {
      if (cursor.last_time >= since) found.push_back(cursor);
    }
    return found;
  }

  Result<std::vector<ledger::SeriesCursor>> FindCursors(
      const std::string& source, const std::vector<ledger::SeriesId>& series) override {
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    std::vector<ledger::SeriesCursor> found;
    const auto& cursors = database_->cursors[source];
    for (const auto& id : series) {
      if (const auto cursor = cursors.find(id); cursor != cursors.end())
        found.push_back(cursor->second);
    }
    return found;
  }

  Result<std::vector<ledger::KeyRate>> Rates(const std::string& source) override {
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    std::vector<ledger::KeyRate> found;
    for (const auto& [key, rate] : database_->rates) {
      if (key.source == source) found.push_back(rate);
    }
    return found;
  }

  Result<std::vector<ledger::JournalEntry>> Journal(const ledger::JournalFilter& filter) override {
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    std::vector<ledger::JournalEntry> found;
    for (const auto& entry : database_->journal) {
      if (Matches(filter, entry)) found.push_back(entry);
    }
    if (found.size() > filter.most) {
      if (filter.after_id > 0) {
        found.resize(filter.most);
      } else {
        found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(filter.most));
      }
    }
    return found;
  }

  Result<std::vector<ledger::Membership>> MembershipsKnown() override {
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    return database_->memberships;
  }

  Status WriteMemberships(const std::vector<ledger::Membership>& put,
                          const std::vector<ledger::Membership>& drop) override {
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    PURSER_RETURN_IF_ERROR(CheckFence());
    auto& known = database_->memberships;
    const auto erase = [&](const ledger::Membership& one) {
      std::erase_if(known, [&](const auto& there) {
        return there.ns == one.ns && there.agent == one.agent && there.pool == one.pool &&
               there.since == one.since;
      });
    };
    for (const auto& one : put) {
      erase(one);
      known.push_back(one);
    }
    for (const auto& one : drop) erase(one);
    return Ok();
  }

  Result<std::vector<ledger::RowHold>> HoldsKnown() override {
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    std::vector<ledger::RowHold> known;
    for (const auto& [row, hold] : database_->holds) known.push_back(hold);
    return known;
  }

  Status WriteHolds(const std::vector<ledger::RowHold>& holds) override {
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    PURSER_RETURN_IF_ERROR(CheckFence());
    for (const auto& hold : holds) {
      database_->holds.erase(hold.row);
      if (!hold.keys.empty()) database_->holds[hold.row] = hold;
    }
    return Ok();
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
    PURSER_RETURN_IF_ERROR(ledger::Check(ledger::Batch{source, {}, {}, {}, {}, {}, {}, {}}));
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    PURSER_RETURN_IF_ERROR(CheckFence());
    database_->sources[source].epoch = epoch;
    return Ok();
  }

  Status Fold(Timestamp) override {
    return Fail();
  }  // sums of calendar windows do not change by it

  Status ForgetCursors(const std::string& source, Timestamp before) override {
    PURSER_RETURN_IF_ERROR(Fail());
    const std::lock_guard lock(database_->mutex);
    PURSER_RETURN_IF_ERROR(CheckFence());
    std::erase_if(database_->cursors[source],
                  [&](const auto& cursor) { return cursor.second.last_time < before; });
    return Ok();
  }

 private:
  Status Fail() const { return fail ? fail() : Ok(); }

  Status CheckFence() const {
    if (epoch_ != 0 && epoch_ == database_->epoch) return Ok();
    return Error(ErrorCode::kFenced, "another leader has taken over, or nobody has");
  }

  // The methods down to Matches are called with the database's mutex held.

  void Write(ledger::Batch& batch) {
    for (const auto& increment : batch.increments)
      database_->minutes[increment.key][ledger::MinuteOf(increment.at)] += increment.amounts;
    for (const auto& cursor : batch.cursors)
      database_->cursors[batch.source][cursor.series] = cursor;
    for (const auto& rate : batch.rates) database_->rates[rate.key] = rate;
    for (auto& entry : batch.journal) Append(entry);
    auto& source = database_->sources[batch.source];
    if (batch.complete_until)
      source.complete_until = std::max(source.complete_until, batch.complete_until);
    if (batch.newest_sample)
      source.newest_sample = std::max(source.newest_sample, batch.newest_sample);
  }

  void Append(ledger::JournalEntry& entry) {
    for (const auto& there : database_->journal) {
      if (entry.origin.empty() || there.origin != entry.origin) continue;
      entry.id = there.id;
      return;
    }
    entry.series = ledger::CutText(entry.series, ledger::kLongestJournalText);
    entry.reason = ledger::CutText(entry.reason, ledger::kLongestJournalText);
    bool settles = entry.held != ledger::HeldState::kSettled;
    entry.id = 0;
    for (auto& there : database_->journal) {
      if (!ledger::Settles(entry, there)) continue;
      there.held = ledger::HeldState::kSettled;
      settles = true;
    }
    if (!settles && !SettleInSum(entry)) return;
    entry.id = static_cast<std::int64_t>(database_->journal.size()) + 1;
    database_->journal.push_back(entry);
    if (const auto settled = ledger::SettledBy(entry))
      database_->minutes[settled->key][ledger::MinuteOf(settled->at)] += settled->amounts;
  }

  bool SettleInSum(ledger::JournalEntry& entry) {
    entry.settled_in = 0;
    ledger::JournalEntry* sum = nullptr;
    for (auto& there : database_->journal) {
      if (ledger::IsOwn(entry, there)) return false;
      if (ledger::MayHoldWithOthers(entry, there) && (sum == nullptr || there.at < sum->at))
        sum = &there;
    }
    if (sum == nullptr || sum->held != ledger::HeldState::kHeld) return false;
    entry.settled_in = sum->id;
    entry.left = ledger::LeftOf(sum->amount, entry.settles);
    sum->amount = entry.left;
    if (entry.left.IsZero()) sum->held = ledger::HeldState::kSettled;
    return true;
  }

  ledger::JournalEntry* Find(std::int64_t id) {
    if (id < 1 || id > static_cast<std::int64_t>(database_->journal.size())) return nullptr;
    return &database_->journal[static_cast<std::size_t>(id - 1)];
  }

  static bool Matches(const ledger::JournalFilter& filter, const ledger::JournalEntry& entry) {
    const auto& agents = filter.agents;
    return entry.id > filter.after_id &&
           (filter.source.empty() || filter.source == entry.key.source) &&
           (filter.ns.empty() || filter.ns == entry.key.ns) &&
           (agents.empty() ||
            std::find(agents.begin(), agents.end(), entry.key.agent) != agents.end()) &&
           (!filter.since || entry.at >= *filter.since) &&
           (!filter.until || entry.at < *filter.until) &&
           (!filter.held || entry.held == *filter.held);
  }

  template <typename Visit>
  void ForEach(const ledger::Coverage& coverage, const Visit& visit) {
    const std::lock_guard lock(database_->mutex);
    for (const auto& [key, minutes] : database_->minutes) {
      if (key.source != coverage.source || key.ns != coverage.ns) continue;
      if (!ledger::CoversKind(coverage, key.model, key.task, key.workflow)) continue;
      for (auto i = minutes.lower_bound(ledger::MinuteOf(coverage.start));
           i != minutes.end() && i->first < ledger::MinuteNotBefore(coverage.end); ++i) {
        if (ledger::CoversAgentAt(coverage, key.agent, i->first))
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
  Result<std::string> LedgerId() override { return store_.LedgerId(); }
  Result<std::int64_t> TakeOver() override { return store_.TakeOver(); }
  Status Commit(std::vector<ledger::Batch>& batches) override { return store_.Commit(batches); }
  Result<ledger::Corrected> Correct(const ledger::Correction& correction) override {
    return store_.Correct(correction);
  }
  Result<std::vector<std::vector<ledger::AgentSpend>>> Sums(
      const std::vector<ledger::Coverage>& coverages) override {
    return store_.Sums(coverages);
  }
  Result<std::vector<std::vector<ledger::MinuteSpend>>> Minutes(
      const std::vector<ledger::Coverage>& coverages) override {
    return store_.Minutes(coverages);
  }
  Result<std::vector<ledger::SeriesCursor>> CursorsSince(const std::string& source,
                                                         Timestamp since) override {
    return store_.CursorsSince(source, since);
  }
  Result<std::vector<ledger::SeriesCursor>> FindCursors(
      const std::string& source, const std::vector<ledger::SeriesId>& series) override {
    return store_.FindCursors(source, series);
  }
  Result<std::vector<ledger::KeyRate>> Rates(const std::string& source) override {
    return store_.Rates(source);
  }
  Result<std::vector<ledger::JournalEntry>> Journal(const ledger::JournalFilter& filter) override {
    return store_.Journal(filter);
  }
  Result<std::vector<ledger::Membership>> MembershipsKnown() override {
    return store_.MembershipsKnown();
  }
  Status WriteMemberships(const std::vector<ledger::Membership>& put,
                          const std::vector<ledger::Membership>& drop) override {
    return store_.WriteMemberships(put, drop);
  }
  Result<std::vector<ledger::RowHold>> HoldsKnown() override { return store_.HoldsKnown(); }
  Status WriteHolds(const std::vector<ledger::RowHold>& holds) override {
    return store_.WriteHolds(holds);
  }
  Result<std::optional<ledger::SourcePosition>> Position(const std::string& source) override {
    return store_.Position(source);
  }
  Status SetEpoch(const std::string& source, Timestamp epoch) override {
    return store_.SetEpoch(source, epoch);
  }
  Status Fold(Timestamp now) override { return store_.Fold(now); }
  Status ForgetCursors(const std::string& source, Timestamp before) override {
    return store_.ForgetCursors(source, before);
  }

 private:
  ledger::Store& store_;
};

// One batch, one coverage: the store speaks in bulk.
inline Status CommitOne(ledger::Store& store, ledger::Batch batch) {
  std::vector<ledger::Batch> batches;
  batches.push_back(std::move(batch));
  return store.Commit(batches);
}

inline Result<std::vector<ledger::AgentSpend>> SumOne(ledger::Store& store,
                                                      const ledger::Coverage& coverage) {
  auto sums = store.Sums({coverage});
  if (!sums) return sums.error();
  return std::move(sums->front());
}

inline Result<std::vector<ledger::MinuteSpend>> MinutesOne(ledger::Store& store,
                                                           const ledger::Coverage& coverage) {
  auto minutes = store.Minutes({coverage});
  if (!minutes) return minutes.error();
  return std::move(minutes->front());
}

inline std::optional<ledger::SeriesCursor> FindCursorOne(ledger::Store& store,
                                                         const std::string& source,
                                                         const ledger::SeriesId& series) {
  auto found = store.FindCursors(source, {series});
  if (!found || found->empty()) return std::nullopt;
  return std::move(found->front());
}

}  // namespace purser::support
