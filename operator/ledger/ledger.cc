#include "ledger/ledger.h"

#include <spdlog/spdlog.h>

#include <exception>
#include <map>
#include <mutex>
#include <utility>

#include "ledger/change_notifier.h"
#include "ledger/commit_queue.h"
#include "ledger/doubts.h"
#include "ledger/totals.h"

namespace purser::ledger {
namespace {

// The store could not, though nothing is wrong with what it was asked to book.
bool CountsProvisionally(ErrorCode code) {
  return code != ErrorCode::kFenced && code != ErrorCode::kInvalidArgument;
}

class StoredLedger final : public Ledger {
 public:
  StoredLedger(std::unique_ptr<Store> store, Clock& clock, ChangesOn changes_on)
      : store_(std::move(store)),
        clock_(clock),
        notifier_(changes_on == ChangesOn::kOwnThread),
        queue_([this](std::vector<Batch>& batches) { return CommitGroup(batches); }) {
    // What fails here is tried again by the first Track.
    (void)LoadDoubts().ok();
  }

  void Pair(const std::string& source, Counts counts) override {
    const std::lock_guard lock(mutex_);
    totals_.Pair(source, counts);
  }

  Status Track(const std::string& id, const Coverage& coverage) override {
    if (Tracks(id, coverage)) return Ok();  // without waiting for a commit under way
    const std::lock_guard writing(writing_);
    if (Tracks(id, coverage)) return Ok();
    PURSER_RETURN_IF_ERROR(LoadDoubts());
    // No commit can come between: whatever is booked from here on is added on top.
    const auto booked = Load(coverage);
    if (!booked) return booked.error();
    const auto records = RecordsCoverage(coverage);
    Totals::Booked of_records;
    if (records) {
      auto loaded = Load(*records);
      if (!loaded) return loaded.error();
      of_records = std::move(*loaded);
    }
    const std::lock_guard lock(mutex_);
    auto doubts = doubts_.Of(coverage, kMostDoubts);
    if (records) {
      for (auto& entry : doubts_.Of(*records, kMostDoubts)) doubts.push_back(std::move(entry));
    }
    totals_.Put(id, coverage, *booked, of_records, doubts);
    for (const auto& [source, increments] : provisional_) totals_.AddTo(id, increments);
    return Ok();
  }

  void Untrack(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    totals_.Remove(id);
  }

  std::optional<Total> Read(const std::string& id, Timestamp now) const override {
    const std::lock_guard lock(mutex_);
    return totals_.Read(id, now);
  }

  Amounts Recent(const std::string& id, Timestamp now, Duration span) const override {
    const std::lock_guard lock(mutex_);
    return totals_.Recent(id, now, span);
  }

  AgentTotals Agents(const std::string& id, std::size_t most) const override {
    const std::lock_guard lock(mutex_);
    return totals_.Agents(id, most);
  }

  Result<Amounts> Sum(const Coverage& coverage) const override {
    const auto spent = SumByAgent(coverage);
    if (!spent) return spent.error();
    Amounts sum;
    for (const auto& agent : *spent) sum += agent.spent;
    return sum;
  }

  Result<std::vector<AgentSpend>> SumByAgent(const Coverage& coverage) const override {
    const auto records = RecordsCoverage(coverage);
    std::vector<Coverage> asked{coverage};
    if (records) asked.push_back(*records);
    auto spent = store_->Sums(asked);
    if (!spent) return spent.error();
    if (!records) return std::move(spent->front());
    std::map<std::string, std::pair<Amounts, Amounts>> both;
    for (const auto& agent : spent->at(0)) both[agent.agent].first += agent.spent;
    for (const auto& agent : spent->at(1)) both[agent.agent].second += agent.spent;
    const auto counts = CountsOf(coverage.source);
    std::vector<AgentSpend> counted;
    for (const auto& [agent, meters] : both)
      counted.push_back({agent, Counted(counts, meters.first, meters.second)});
    return counted;
  }

  Result<std::vector<JournalEntry>> Journal(const JournalFilter& filter) const override {
    return store_->Journal(filter);
  }

  std::vector<JournalEntry> Doubts(const Coverage& coverage, std::size_t most) const override {
    const auto records = RecordsCoverage(coverage);
    const std::lock_guard lock(mutex_);
    auto found = doubts_.Of(coverage, most);
    if (records) {
      for (auto& entry : doubts_.Of(*records, most)) found.push_back(std::move(entry));
      if (found.size() > most) found.resize(most);
    }
    return found;
  }

  Status SetMembers(const std::vector<PoolMembers>& pools, Told told) override {
    {
      const std::lock_guard lock(mutex_);
      if (members_ && unwritten_.empty() && members_->Changes(pools, told, clock_.Now()).empty())
        return Ok();
    }
    const std::lock_guard writing(writing_);
    PURSER_RETURN_IF_ERROR(LoadMembers());
    std::vector<Membership> put;
    std::vector<Membership> drop;
    {
      const std::lock_guard lock(mutex_);
      const auto now = clock_.Now();
      const auto changes = members_->Changes(pools, told, now);
      drop = members_->Apply(changes, now);
      unwritten_.insert(unwritten_.end(), changes.begin(), changes.end());
      put = unwritten_;
    }
    if (!drop.empty()) {
      spdlog::warn(
          "ledger: namespace={} has had more than {} members of pools: the {} that left first are "
          "forgotten, and what they spent counts in no pool any more",
          drop.front().ns, kMostEnded, drop.size());
    }
    const auto written = store_->WriteMemberships(put, drop);
    if (!written.ok()) {
      spdlog::warn("ledger: who is in which pool could not be written down: {}; it is tried again",
                   written.error().message());
      return Ok();
    }
    const std::lock_guard lock(mutex_);
    unwritten_.clear();
    return Ok();
  }

  std::vector<Membership> Members(const std::string& ns, const std::string& pool) const override {
    const std::lock_guard lock(mutex_);
    return members_ ? members_->Of(ns, pool) : std::vector<Membership>();
  }

  Result<std::vector<std::string>> Holds(const std::string& row, const std::string& spec) override {
    {
      const std::lock_guard lock(mutex_);
      if (holds_) return KeysOf(row, spec);
    }
    const std::lock_guard writing(writing_);
    PURSER_RETURN_IF_ERROR(LoadHolds());
    const std::lock_guard lock(mutex_);
    return KeysOf(row, spec);
  }

  void KeepHolds(const std::vector<RowHold>& holds) override {
    const std::lock_guard writing(writing_);
    (void)LoadHolds().ok();  // what is kept here comes after what is loaded later
    std::vector<RowHold> put;
    {
      const std::lock_guard lock(mutex_);
      for (auto hold : holds) {
        hold.at = clock_.Now();
        if (holds_) PutHold(hold);
        unwritten_holds_[hold.row] = std::move(hold);
      }
      for (const auto& [row, hold] : unwritten_holds_) put.push_back(hold);
    }
    if (put.empty()) return;
    const auto written = store_->WriteHolds(put);
    if (!written.ok()) {
      spdlog::warn("ledger: what budgets hold could not be written down: {}; it is tried again",
                   written.error().message());
      return;
    }
    const std::lock_guard lock(mutex_);
    unwritten_holds_.clear();
  }

  void OnChange(std::function<void(const std::vector<std::string>&)> listener) override {
    notifier_.SetListener(std::move(listener));
  }

  void SetHealth(const std::string& source, SourceHealth health) override {
    std::function<void(const std::string&)> listener;
    {
      const std::lock_guard lock(mutex_);
      auto& known = health_[source];
      if (!SameForReaders(known, health)) listener = on_health_;
      known = std::move(health);
    }
    if (listener) listener(source);
  }

  SourceHealth Health(const std::string& source) const override {
    const std::lock_guard lock(mutex_);
    const auto found = health_.find(source);
    return found == health_.end() ? SourceHealth() : found->second;
  }

  void OnHealth(std::function<void(const std::string&)> listener) override {
    const std::lock_guard lock(mutex_);
    on_health_ = std::move(listener);
  }

  Status Commit(Batch batch) override {
    PURSER_RETURN_IF_ERROR(Check(batch));
    for (auto& entry : batch.journal) {
      if (entry.recorded == Timestamp()) entry.recorded = clock_.Now();
    }
    Status committed = queue_.Commit(std::move(batch));
    Tell();
    return committed;
  }

  Result<Corrected> Correct(const Correction& correction) override {
    auto corrected = [&] {
      const std::lock_guard writing(writing_);
      auto done = store_->Correct(correction);
      if (done && !done->already) {
        const std::lock_guard lock(mutex_);
        if (done->increment) totals_.Apply({*done->increment}, Totals::Direction::kAdd);
        if (correction.doubt != 0) Settle(correction.doubt);
      }
      return done;
    }();
    Tell();
    return corrected;
  }

 private:
  bool Tracks(const std::string& id, const Coverage& coverage) const {
    const std::lock_guard lock(mutex_);
    const Coverage* tracked = totals_.Find(id);
    return tracked != nullptr && *tracked == coverage;
  }

  Counts CountsOf(const std::string& source) const {
    const std::lock_guard lock(mutex_);
    return totals_.PairOf(source).value_or(Counts::kMeter);
  }

  // The same of the source's records; nothing: it has one meter.
  std::optional<Coverage> RecordsCoverage(const Coverage& coverage) const {
    {
      const std::lock_guard lock(mutex_);
      if (!totals_.PairOf(coverage.source)) return std::nullopt;
    }
    auto records = coverage;
    records.source = RecordsOf(coverage.source);
    return records;
  }

  // Waits for the disk.
  Result<Totals::Booked> Load(const Coverage& coverage) const {
    auto spent = store_->Sums({coverage});
    if (!spent) return spent.error();
    Coverage hour = coverage;
    hour.start = clock_.Now() - std::chrono::minutes(RecentMinutes::kMinutes);
    hour.end = Timestamp::max();
    auto minutes = store_->Minutes({hour});
    if (!minutes) return minutes.error();
    return Totals::Booked{std::move(spent->front()), std::move(minutes->front())};
  }

  // The queue's: one transaction for all. What fails for a fault of one batch is tried again one by
  // one, so that it fails for nobody else.
  std::vector<Status> CommitGroup(std::vector<Batch>& batches) {
    const std::lock_guard writing(writing_);
    std::vector<Status> results(batches.size(), CommitInStore(batches));
    const bool one_by_one = !results[0].ok() && batches.size() > 1 &&
                            results[0].error().code() != ErrorCode::kUnavailable &&
                            results[0].error().code() != ErrorCode::kFenced;
    for (std::size_t i = 0; one_by_one && i < batches.size(); ++i) {
      std::vector<Batch> one;
      one.push_back(std::move(batches[i]));
      results[i] = CommitInStore(one);
      batches[i] = std::move(one.front());
    }
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < batches.size(); ++i) Count(batches[i], results[i]);
    return results;
  }

  // An exception here would leave other committers waiting for ever.
  Status CommitInStore(std::vector<Batch>& batches) {
    try {
      return store_->Commit(batches);
    } catch (const std::exception& exception) {
      return Error(ErrorCode::kInternal,
                   std::string("the ledger could not be written: ") + exception.what());
    }
  }

  // Called with writing_ held, or before anybody else knows of this.
  Status LoadDoubts() {
    if (doubts_loaded_) return Ok();
    JournalFilter held;
    held.held = HeldState::kHeld;
    held.most = kMostDoubts;
    const auto entries = store_->Journal(held);
    if (!entries) return entries.error();
    if (entries->size() >= kMostDoubts) {
      spdlog::warn(
          "ledger: {} or more amounts are held: budgets tell of the newest ones only; decide them "
          "with SpendCorrections (`purser journal --held` lists them)",
          kMostDoubts);
    }
    const std::lock_guard lock(mutex_);
    for (const auto& entry : *entries) Hold(entry);
    doubts_loaded_ = true;
    return Ok();
  }

  // Called with writing_ held.
  Status LoadMembers() {
    if (members_) return Ok();
    auto known = store_->MembershipsKnown();
    if (!known) return known.error();
    const std::lock_guard lock(mutex_);
    members_.emplace(std::move(*known));
    return Ok();
  }

  // Called with writing_ held.
  Status LoadHolds() {
    if (holds_) return Ok();
    auto known = store_->HoldsKnown();
    if (!known) return known.error();
    const std::lock_guard lock(mutex_);
    holds_.emplace();
    for (const auto& hold : *known) PutHold(hold);
    for (const auto& [row, hold] : unwritten_holds_) PutHold(hold);
    return Ok();
  }

  // The two that follow are called with mutex_ held, and what is known loaded.
  void PutHold(const RowHold& hold) {
    if (hold.keys.empty()) {
      holds_->erase(hold.row);
    } else {
      (*holds_)[hold.row] = hold;
    }
  }
  std::vector<std::string> KeysOf(const std::string& row, const std::string& spec) const {
    const auto found = holds_->find(row);
    return found == holds_->end() || found->second.spec != spec ? std::vector<std::string>()
                                                                : found->second.keys;
  }

  // The methods down to Settle are called with writing_ and mutex_ held.

  // In memory, what became of a batch in the store.
  void Count(Batch& batch, const Status& committed) {
    const bool provisionally = !committed.ok() && CountsProvisionally(committed.error().code());
    if (!committed.ok() && committed.error().code() == ErrorCode::kInvalidArgument) return;
    if (batch.beside && !committed.ok()) return;
    const auto before = batch.beside ? provisional_.end() : provisional_.find(batch.source);
    if (before != provisional_.end()) {
      totals_.Apply(before->second, Totals::Direction::kTakeOff);
      provisional_.erase(before);
    }
    if (!committed.ok() && !provisionally) return;
    totals_.Apply(batch.increments, Totals::Direction::kAdd);
    if (provisionally) {
      if (!batch.increments.empty()) provisional_[batch.source] = std::move(batch.increments);
      return;
    }
    for (const auto& entry : batch.journal) {
      if (entry.held == HeldState::kSettled && entry.id == 0) continue;
      if (const auto settled = SettledBy(entry)) totals_.Apply({*settled}, Totals::Direction::kAdd);
      for (const std::int64_t id : doubts_.SettledBy(entry)) Settle(id);
      if (entry.settled_in != 0) Lower(entry.settled_in, entry.left);
      if (entry.held == HeldState::kHeld) Hold(entry);
    }
  }

  void Hold(const JournalEntry& entry) {
    if (doubts_.Add(entry)) totals_.ApplyDoubt(entry, Totals::Direction::kAdd);
    doubts_full_ = doubts_.size() >= kMostDoubts;
  }

  void Lower(std::int64_t id, const Amounts& left) {
    if (left.IsZero()) return Settle(id);
    const auto before = doubts_.Lower(id, left);
    if (!before) return;
    totals_.ApplyDoubt(*before, Totals::Direction::kTakeOff);
    auto after = *before;
    after.amount = left;
    totals_.ApplyDoubt(after, Totals::Direction::kAdd);
  }

  void Settle(std::int64_t id) {
    // There is room again for one that only the store knows.
    if (std::exchange(doubts_full_, false)) doubts_loaded_ = false;
    if (const auto entry = doubts_.Remove(id))
      totals_.ApplyDoubt(*entry, Totals::Direction::kTakeOff);
  }

  void Tell() {
    std::vector<std::string> changed;
    {
      const std::lock_guard lock(mutex_);
      changed = totals_.TakeChanged();
    }
    notifier_.Notify(changed);
  }

  const std::unique_ptr<Store> store_;
  Clock& clock_;
  // Held by Track, Commit and Correct over the store's transaction; always taken before mutex_.
  std::mutex writing_;
  bool doubts_loaded_ = false;  // guarded by writing_
  // Never held over the store or a listener.
  mutable std::mutex mutex_;
  Totals totals_;
  class Doubts doubts_;
  bool doubts_full_ = false;
  std::optional<Memberships> members_;                   // nothing before they are loaded
  std::vector<Membership> unwritten_;                    // counted in members_
  std::optional<std::map<std::string, RowHold>> holds_;  // by row; nothing before they are loaded
  std::map<std::string, RowHold> unwritten_holds_;       // those without keys too
  // Of each source whose last batch could not be written: its increments, counted in totals_.
  std::map<std::string, std::vector<Increment>> provisional_;
  std::map<std::string, SourceHealth> health_;
  std::function<void(const std::string&)> on_health_;
  ChangeNotifier notifier_;
  CommitQueue queue_;
};

}  // namespace

std::unique_ptr<Ledger> MakeLedger(std::unique_ptr<Store> store, Clock& clock,
                                   ChangesOn changes_on) {
  return std::make_unique<StoredLedger>(std::move(store), clock, changes_on);
}

}  // namespace purser::ledger
