// Terms of leading: waiting to lead, leading, losing it, waiting again.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/progress.h"
#include "base/result.h"
#include "kube/client.h"
#include "kube/events.h"
#include "kube/leader_election.h"

namespace purser::app {

struct LeadershipOptions {
  bool elects = false;  // false: leads from the start, without a Lease
  kube::ObjectKey lease;
  std::string identity;
  std::string ledger;      // where the ledger is kept, for people
  bool ephemeral = false;  // the ledger ends with its pod: a new one follows without being accepted
  // One thing under way for so long ends the term, whose requests then end; twice as long, it is
  // stuck for good and /healthz says so.
  std::chrono::seconds stuck_after{60};
};

// Run is called once; the others are thread-safe. What is given to it must outlive it.
class Leadership {
 public:
  Leadership(kube::Client& client, Clock& wall_clock, const Progress& progress,
             LeadershipOptions options);

  // Leads one term after the other until `stop`: `lead` ends with its token, or with an error.
  // kFenced and a lost term lead to waiting again, when there is a Lease; any other error is
  // returned. `ledger_id` is asked before each wait; its error is returned.
  using Lead = std::function<Status(std::stop_token)>;
  Status Run(const std::stop_token& stop, const std::function<Result<std::string>()>& ledger_id,
             const Lead& lead);

  // Why this replica does not even wait to lead, and what to do.
  std::optional<std::string> Refusal() const;
  // Who held the Lease when it was last seen; "": nobody, or there is none.
  std::string Leader() const;
  // What has been under way for too long.
  std::optional<std::string> Stuck() const;

 private:
  Status RunTerm(const std::stop_token& stop, const std::string& ledger_id, const Lead& lead);
  bool WaitUntilAccepted(const std::string& ledger_id, const std::stop_token& stop);
  bool Claim(const std::string& ledger_id, const std::stop_token& stop);
  void SetRefusal(std::optional<std::string> refusal);
  void Record(const std::string& uid, kube::EventType type, const char* reason,
              const std::string& note);
  // Calls `end_term` when something is stuck, until `stop`.
  void WatchProgress(const std::stop_token& stop, const std::function<void()>& end_term);

  kube::Client& client_;
  Clock& wall_clock_;
  const Progress& progress_;
  const LeadershipOptions options_;
  mutable std::mutex mutex_;
  std::optional<std::string> refusal_;
  std::string leader_;
};

}  // namespace purser::app
