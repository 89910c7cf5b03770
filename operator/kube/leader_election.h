// Leader election on a Lease of coordination.k8s.io/v1. A Lease does not fence: two leaders may
// exist for a moment, so writers that must be alone carry an epoch or a resourceVersion of their
// own.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "kube/client.h"
#include "kube/object/object_meta.h"

namespace purser::kube {

// Lease of coordination.k8s.io/v1.
const ResourceType& LeaseType();

struct LeaderElectionOptions {
  ObjectKey lease;
  std::string identity;  // of one process at a time, whatever its name
  Duration lease_duration{
      std::chrono::seconds(15)};  // others wait this long after the last change they saw
  Duration renew_deadline{
      std::chrono::seconds(10)};  // without a renewal this long, leadership is given up
  Duration retry_period{
      std::chrono::seconds(2)};  // between tries; up to 1.2 times that while waiting to lead
  // Why the Lease can be neither read nor written, once per text. On the elector's own thread.
  std::function<void(const Error&)> on_problem;
  // Who holds the Lease, each time it is read. On the elector's own thread.
  std::function<void(const std::string& holder)> on_holder = {};
};

// One term: waits to lead, leads, has lost. For the next one make another elector.
//
// Thread-safe. Durations run on the steady clock: others' clocks are not trusted, only changes seen
// here. A term ends `renew_deadline` after its last renewal was sent, by a watchdog, even when a
// request hangs.
class LeaderElector {
 public:
  // `client` must outlive the elector.
  LeaderElector(Client& client, LeaderElectionOptions options);
  ~LeaderElector();  // as Stop

  void Start();  // once
  // Ends the threads; a leader releases the Lease (empty holder, one second) within 2 s. For a
  // leader whose work has ended.
  void Stop();
  // Ends the term at once and leaves the Lease to run out, for the work is still going on. Does not
  // wait.
  void Abandon();

  // Blocks until it leads; false when `stop` was requested, or Stop called, before it did.
  bool WaitForLeadership(std::stop_token stop);
  // Stop is requested on it once leadership, had before, is gone (also by Stop).
  std::stop_token Lost() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

// What the Lease says, and the decision taken on it: pure, for tests without time or network.
struct LeaseRecord {
  std::string resource_version;
  std::string holder;
  int duration_seconds = 0;
  std::string acquire_time;  // RFC 3339, six digits
  std::string renew_time;
  int transitions = 0;
  bool operator==(const LeaseRecord&) const = default;
};
Result<LeaseRecord> DecodeLease(std::string_view body);
std::string EncodeLease(const ObjectKey& key, const LeaseRecord& record);

enum class LeaseDecision { kRenew, kAcquire, kWait };
// `unchanged`: how long this process has seen the record as it is.
LeaseDecision Decide(const LeaseRecord& record, const std::string& identity, Duration unchanged);

}  // namespace purser::kube
