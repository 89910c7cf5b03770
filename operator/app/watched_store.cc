#include "app/watched_store.h"

#include <utility>

namespace purser::app {
namespace {

using ledger::Store;

class WatchedStore final : public Store {
 public:
  WatchedStore(std::unique_ptr<Store> store, Progress& progress)
      : store_(std::move(store)), progress_(progress) {}

  Result<std::string> LedgerId() override {
    const Progress::Step step(progress_, "LedgerId of the ledger");
    return store_->LedgerId();
  }
  Result<std::int64_t> TakeOver() override {
    const Progress::Step step(progress_, "TakeOver of the ledger");
    return store_->TakeOver();
  }
  Status Commit(std::vector<ledger::Batch>& batches) override {
    const Progress::Step step(progress_, "Commit of the ledger");
    return store_->Commit(batches);
  }
  Result<ledger::Corrected> Correct(const ledger::Correction& correction) override {
    const Progress::Step step(progress_, "Correct of the ledger");
    return store_->Correct(correction);
  }
  Result<std::vector<std::vector<ledger::AgentSpend>>> Sums(
      const std::vector<ledger::Coverage>& coverages) override {
    const Progress::Step step(progress_, "Sums of the ledger");
    return store_->Sums(coverages);
  }
  Result<std::vector<std::vector<ledger::MinuteSpend>>> Minutes(
      const std::vector<ledger::Coverage>& coverages) override {
    const Progress::Step step(progress_, "Minutes of the ledger");
    return store_->Minutes(coverages);
  }
  Result<std::vector<ledger::SeriesCursor>> CursorsSince(const std::string& source,
                                                         Timestamp since) override {
    const Progress::Step step(progress_, "CursorsSince of the ledger");
    return store_->CursorsSince(source, since);
  }
  Result<std::vector<ledger::SeriesCursor>> FindCursors(
      const std::string& source, const std::vector<ledger::SeriesId>& series) override {
    const Progress::Step step(progress_, "FindCursors of the ledger");
    return store_->FindCursors(source, series);
  }
  Result<std::vector<ledger::KeyRate>> Rates(const std::string& source) override {
    const Progress::Step step(progress_, "Rates of the ledger");
    return store_->Rates(source);
  }
  // Read once, at the start.
  ledger::AdmissionLog* admission_log() override { return store_->admission_log(); }
  Result<std::vector<ledger::JournalEntry>> Journal(const ledger::JournalFilter& filter) override {
    const Progress::Step step(progress_, "Journal of the ledger");
    return store_->Journal(filter);
  }
  Result<std::vector<ledger::Membership>> MembershipsKnown() override {
    const Progress::Step step(progress_, "MembershipsKnown of the ledger");
    return store_->MembershipsKnown();
  }
  Status WriteMemberships(const std::vector<ledger::Membership>& put,
                          const std::vector<ledger::Membership>& drop) override {
    const Progress::Step step(progress_, "WriteMemberships of the ledger");
    return store_->WriteMemberships(put, drop);
  }
  Result<std::vector<ledger::RowHold>> HoldsKnown() override {
    const Progress::Step step(progress_, "HoldsKnown of the ledger");
    return store_->HoldsKnown();
  }
  Status WriteHolds(const std::vector<ledger::RowHold>& holds) override {
    const Progress::Step step(progress_, "WriteHolds of the ledger");
    return store_->WriteHolds(holds);
  }
  Result<std::optional<ledger::SourcePosition>> Position(const std::string& source) override {
    const Progress::Step step(progress_, "Position of the ledger");
    return store_->Position(source);
  }
  Status SetEpoch(const std::string& source, Timestamp epoch) override {
    const Progress::Step step(progress_, "SetEpoch of the ledger");
    return store_->SetEpoch(source, epoch);
  }
  Status ForgetCursors(const std::string& source, Timestamp before) override {
    const Progress::Step step(progress_, "ForgetCursors of the ledger");
    return store_->ForgetCursors(source, before);
  }
  // In short transactions, but of them there may be many: not watched.
  Status Fold(Timestamp now) override { return store_->Fold(now); }

 private:
  const std::unique_ptr<Store> store_;
  Progress& progress_;
};

}  // namespace

std::unique_ptr<Store> WatchStore(std::unique_ptr<Store> store, Progress& progress) {
  return std::make_unique<WatchedStore>(std::move(store), progress);
}

}  // namespace purser::app
