#include "ledger/ledger.h"

#include <map>
#include <mutex>
#include <utility>

#include "ledger/totals.h"

namespace purser::ledger {
namespace {

// Everything but the time of the last answer, which moves with every poll.
bool SameForReaders(const SourceHealth& a, const SourceHealth& b) {
  return a.state == b.state && a.reason == b.reason && a.message == b.message && a.gap == b.gap;
}

class StoredLedger final : public Ledger {
 public:
  StoredLedger(std::unique_ptr<Store> store, Clock& clock)
      : store_(std::move(store)), clock_(clock) {}

  Status Track(const std::string& id, const Coverage& coverage) override {
    if (Tracks(id, coverage)) return Ok();  // without waiting for a commit under way
    const std::lock_guard writing(writing_);
    if (Tracks(id, coverage)) return Ok();
    // No commit can come between: whatever is booked from here on is added on top.
    auto spent = store_->Sum(coverage);
    if (!spent) return spent.error();
    Coverage hour = coverage;
    hour.start = clock_.Now() - std::chrono::minutes(RecentMinutes::kMinutes);
    hour.end = Timestamp::max();
    auto minutes = store_->Minutes(hour);
    if (!minutes) return minutes.error();
    const std::lock_guard lock(mutex_);
    totals_.Put(id, coverage, *spent, *minutes);
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

  Result<Money> Sum(const Coverage& coverage) const override {
    auto spent = store_->Sum(coverage);
    if (!spent) return spent.error();
    Money sum;
    for (const auto& agent : *spent) sum += agent.spent;
    return sum;
  }

  void OnChange(std::function<void(const std::vector<std::string>&)> listener) override {
    const std::lock_guard lock(mutex_);
    on_change_ = std::move(listener);
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

  Status Commit(const Batch& batch) override {
    std::vector<std::string> changed;
    std::function<void(const std::vector<std::string>&)> listener;
    {
      const std::lock_guard writing(writing_);
      PURSER_RETURN_IF_ERROR(store_->Commit(batch));
      const std::lock_guard lock(mutex_);
      changed = totals_.Add(batch.increments);
      listener = on_change_;
    }
    if (listener && !changed.empty()) listener(changed);
    return Ok();
  }

 private:
  bool Tracks(const std::string& id, const Coverage& coverage) const {
    const std::lock_guard lock(mutex_);
    const Coverage* tracked = totals_.Find(id);
    return tracked != nullptr && *tracked == coverage;
  }

  const std::unique_ptr<Store> store_;
  Clock& clock_;
  // Held by Track and Commit over the store's transaction; always taken before mutex_.
  std::mutex writing_;
  // Never held over the store or a listener.
  mutable std::mutex mutex_;
  Totals totals_;
  std::map<std::string, SourceHealth> health_;
  std::function<void(const std::vector<std::string>&)> on_change_;
  std::function<void(const std::string&)> on_health_;
};

}  // namespace

std::unique_ptr<Ledger> MakeLedger(std::unique_ptr<Store> store, Clock& clock) {
  return std::make_unique<StoredLedger>(std::move(store), clock);
}

}  // namespace purser::ledger
