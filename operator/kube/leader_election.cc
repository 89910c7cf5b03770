#include "kube/leader_election.h"

#include <simdjson.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <thread>

#include "base/pause.h"
#include "base/time_text.h"

namespace purser::kube {
namespace {

using Steady = std::chrono::steady_clock;

constexpr Duration kReleaseTimeout{1500};
constexpr double kWaitJitter = 0.2;

std::string Now() {
  return FormatUtcMicros(
      std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()));
}

// Null where the member may be: an absent value is empty, one of another type makes the Lease
// unreadable.
template <typename T>
bool ReadOptional(simdjson::dom::element object, const char* pointer, T& value) {
  simdjson::dom::element found;
  if (object.at_pointer(pointer).get(found) != simdjson::SUCCESS || found.is_null()) return true;
  return found.get(value) == simdjson::SUCCESS;
}

}  // namespace

const ResourceType& LeaseType() {
  static const ResourceType type{"coordination.k8s.io", "v1", "leases", "Lease"};
  return type;
}

Result<LeaseRecord> DecodeLease(std::string_view body) {
  const Error wrong(ErrorCode::kCorrupt, "the Lease cannot be read");
  simdjson::dom::parser parser;
  simdjson::dom::element lease;
  if (parser.parse(body.data(), body.size()).get(lease) != simdjson::SUCCESS) return wrong;
  std::string_view version;
  std::string_view holder;
  std::string_view acquired;
  std::string_view renewed;
  std::int64_t duration = 0;
  std::int64_t transitions = 0;
  if (!ReadOptional(lease, "/metadata/resourceVersion", version) || version.empty() ||
      !ReadOptional(lease, "/spec/holderIdentity", holder) ||
      !ReadOptional(lease, "/spec/acquireTime", acquired) ||
      !ReadOptional(lease, "/spec/renewTime", renewed) ||
      !ReadOptional(lease, "/spec/leaseDurationSeconds", duration) ||
      !ReadOptional(lease, "/spec/leaseTransitions", transitions)) {
    return wrong;
  }
  const auto narrow = [](std::int64_t number) {
    return static_cast<int>(std::clamp<std::int64_t>(number, 0, 1'000'000'000));
  };
  return LeaseRecord{std::string(version),  std::string(holder),  narrow(duration),
                     std::string(acquired), std::string(renewed), narrow(transitions)};
}

std::string EncodeLease(const ObjectKey& key, const LeaseRecord& record) {
  nlohmann::ordered_json lease{{"apiVersion", "coordination.k8s.io/v1"},
                               {"kind", "Lease"},
                               {"metadata", {{"name", key.name}, {"namespace", key.ns}}},
                               {"spec",
                                {{"holderIdentity", record.holder},
                                 {"leaseDurationSeconds", record.duration_seconds},
                                 {"acquireTime", record.acquire_time},
                                 {"renewTime", record.renew_time},
                                 {"leaseTransitions", record.transitions}}}};
  if (!record.resource_version.empty())
    lease["metadata"]["resourceVersion"] = record.resource_version;
  return lease.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

LeaseDecision Decide(const LeaseRecord& record, const std::string& identity, Duration unchanged) {
  if (record.holder == identity) return LeaseDecision::kRenew;
  if (record.holder.empty()) return LeaseDecision::kAcquire;
  return unchanged >= std::chrono::seconds(record.duration_seconds) ? LeaseDecision::kAcquire
                                                                    : LeaseDecision::kWait;
}

class LeaderElector::Implementation {
 public:
  Implementation(Client& client, LeaderElectionOptions options)
      : client_(client),
        options_(std::move(options)),
        path_(ObjectPath(LeaseType(), options_.lease)),
        random_(std::random_device{}()) {}

  ~Implementation() { Stop(); }

  void Start() {
    thread_ = std::jthread([this] {
      Run();
      const bool release = !abandoned_ && leading_;
      End();  // before the Lease is given away: nobody here may believe to lead any longer
      if (release) Release();
    });
    watchdog_ = std::jthread([this] { WatchTerm(); });
  }

  void Stop() {
    all_.request_stop();
    if (thread_.joinable()) thread_.join();
    if (watchdog_.joinable()) watchdog_.join();
    End();
  }

  void Abandon() {
    abandoned_ = true;
    End();
    all_.request_stop();
  }

  bool WaitForLeadership(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [this] { return is_leader_ || ended_; });
    return is_leader_;
  }

  std::stop_token Lost() const { return lost_.get_token(); }

 private:
  void Run() {
    const auto stop = all_.get_token();
    while (!stop.stop_requested()) {
      const auto started = Steady::now();
      Try(started, stop);
      if (leading_ && (taken_ || Steady::now() - renewed_ >= options_.renew_deadline)) {
        leading_ = false;
        return;
      }
      if (!SetLeader(leading_, renewed_ + options_.renew_deadline)) return;
      double factor = 1;
      if (!leading_) factor += std::uniform_real_distribution<double>(0, kWaitJitter)(random_);
      auto next =
          started + std::chrono::duration_cast<Steady::duration>(options_.retry_period * factor);
      if (leading_) next = std::min(next, renewed_ + options_.renew_deadline);
      Pause(next - Steady::now(), stop);
    }
  }

  // Ends a term whose renewal is overdue, whatever the other thread is waiting for.
  void WatchTerm() {
    const auto stop = all_.get_token();
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return is_leader_ || ended_; }) && !ended_) {
      const auto term = term_;
      changed_.wait_until(lock, stop, term, [&] { return ended_ || !is_leader_ || term_ != term; });
      if (stop.stop_requested()) return;
      if (ended_ || !is_leader_ || term_ != term || Steady::now() < term) continue;
      lock.unlock();
      Abandon();
      return;
    }
  }

  // Reads the Lease, unless the last answer still stands, and takes or renews it if that is right.
  void Try(Steady::time_point started, const std::stop_token& stop) {
    const CallOptions call = CallFor(Timeout(started), stop);
    if (!leading_ || !record_) {
      auto body = client_.Get(path_, call);
      if (body) {
        auto record = DecodeLease(*body);
        if (!record) return Tell(record.error());
        Observe(std::move(record).value());
      } else if (body.error().code() == ErrorCode::kNotFound) {
        record_.reset();
        LeaseRecord mine = Mine(LeaseRecord{});
        mine.acquire_time = mine.renew_time;
        Settle(client_.Create(CollectionPath(LeaseType(), options_.lease.ns),
                              EncodeLease(options_.lease, mine), call),
               started);
        return;
      } else {
        return Tell(body.error());
      }
    }
    const auto decision = Decide(*record_, options_.identity,
                                 std::chrono::duration_cast<Duration>(Steady::now() - observed_));
    if (decision == LeaseDecision::kWait) {
      taken_ = leading_;
      return;
    }
    LeaseRecord mine = Mine(*record_);
    if (decision == LeaseDecision::kAcquire) {
      mine.acquire_time = mine.renew_time;
      ++mine.transitions;
    }
    Settle(client_.MergePatch(path_, EncodeLease(options_.lease, mine), {}, call), started);
  }

  void Settle(const Result<std::string>& answer, Steady::time_point started) {
    if (answer) {
      if (auto record = DecodeLease(*answer); record && record->holder == options_.identity) {
        Observe(std::move(record).value());
        renewed_ = started;
        leading_ = true;
        told_.clear();
        return;
      }
    } else if (answer.error().code() != ErrorCode::kConflict &&
               answer.error().code() != ErrorCode::kAlreadyExists) {
      Tell(answer.error());
    }
    record_.reset();  // somebody was faster, or the outcome is unknown: read before the next try
  }

  void Tell(const Error& error) {
    if (error.code() == ErrorCode::kCancelled || error.message() == told_) return;
    told_ = error.message();
    if (options_.on_problem) options_.on_problem(error);
  }

  void Observe(LeaseRecord record) {
    if (options_.on_holder) options_.on_holder(record.holder);
    // Only a change seen here counts: the times in the record are of another machine's clock.
    if (last_seen_ != record) observed_ = Steady::now();
    last_seen_ = record;
    record_ = std::move(record);
  }

  LeaseRecord Mine(const LeaseRecord& current) const {
    LeaseRecord mine = current;
    mine.holder = options_.identity;
    mine.duration_seconds =
        static_cast<int>(std::chrono::ceil<std::chrono::seconds>(options_.lease_duration).count());
    mine.renew_time = Now();
    return mine;
  }

  // Tried again soon enough: nothing waits within a call.
  static CallOptions CallFor(Duration timeout, std::stop_token stop) {
    CallOptions call;
    call.timeout = timeout;
    call.stop = std::move(stop);
    call.wait_if_asked = false;
    call.without_managed_fields = true;
    return call;
  }

  // A leader's request must have ended when its term ends.
  Duration Timeout(Steady::time_point now) const {
    const Duration longest = options_.renew_deadline / 2;
    if (!leading_) return longest;
    const auto left =
        std::chrono::duration_cast<Duration>(renewed_ + options_.renew_deadline - now);
    return std::clamp(left, Duration(1), longest);
  }

  // Should it fail, the others wait the Lease out.
  void Release() {
    leading_ = false;
    const CallOptions call = CallFor(kReleaseTimeout / 4, {});
    for (int i = 0; i < 2; ++i) {
      if (!record_) {  // the stop came amid a renewal
        auto body = client_.Get(path_, call);
        auto record = body ? DecodeLease(*body) : body.error();
        if (!record || record->holder != options_.identity) return;
        record_ = std::move(record).value();
      }
      LeaseRecord released = *record_;
      released.holder.clear();
      released.duration_seconds = 1;
      released.renew_time = Now();
      released.acquire_time = released.renew_time;
      const auto answer =
          client_.MergePatch(path_, EncodeLease(options_.lease, released), {}, call);
      // Somebody wrote to the Lease without taking it, an annotation perhaps.
      if (answer || answer.error().code() != ErrorCode::kConflict) return;
      record_.reset();
    }
  }

  // False when the term has ended meanwhile.
  bool SetLeader(bool leader, Steady::time_point term) {
    const std::lock_guard lock(mutex_);
    if (ended_) return false;
    is_leader_ = leader;
    term_ = term;
    changed_.notify_all();
    return true;
  }

  void End() {
    bool was_leader = false;
    {
      const std::lock_guard lock(mutex_);
      was_leader = is_leader_ || ended_leader_;
      ended_leader_ = was_leader;
      is_leader_ = false;
      ended_ = true;
      changed_.notify_all();
    }
    if (was_leader) lost_.request_stop();
  }

  Client& client_;
  const LeaderElectionOptions options_;
  const std::string path_;
  std::minstd_rand random_;

  // Of the thread alone.
  std::optional<LeaseRecord> record_;  // what the next write builds on
  LeaseRecord last_seen_;
  Steady::time_point observed_;  // since when it has been as it is
  Steady::time_point renewed_;   // when the last successful renewal was sent
  bool leading_ = false;
  bool taken_ = false;  // another holder was seen while leading
  std::string told_;    // the last problem

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool is_leader_ = false;
  bool ended_ = false;
  bool ended_leader_ = false;
  Steady::time_point term_;  // when it ends, unless it is renewed
  std::stop_source lost_;
  std::stop_source all_;
  std::atomic<bool> abandoned_ = false;
  std::jthread thread_;  // last: they use the others
  std::jthread watchdog_;
};

LeaderElector::LeaderElector(Client& client, LeaderElectionOptions options)
    : implementation_(std::make_unique<Implementation>(client, std::move(options))) {}
LeaderElector::~LeaderElector() = default;
void LeaderElector::Start() { implementation_->Start(); }
void LeaderElector::Stop() { implementation_->Stop(); }
void LeaderElector::Abandon() { implementation_->Abandon(); }
bool LeaderElector::WaitForLeadership(std::stop_token stop) {
  return implementation_->WaitForLeadership(stop);
}
std::stop_token LeaderElector::Lost() const { return implementation_->Lost(); }

}  // namespace purser::kube
