// The part of a workload that matters here, of whatever kind; everything else is dropped when read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kube/object/object_meta.h"

namespace purser::workloads {

// What kinds outside apps need beside replicas.
struct Details {
  std::string value;  // of the switch, as JSON; "null": not there. Empty: the kind has replicas
  // Whether the status tells what runs. If not, the pods are to be looked at.
  bool tells_running = false;
  bool runs_jobs = false;  // what runs are Jobs that tell it themselves; replicas count them
  bool settled = true;     // its controller has seen what is asked
  bool finished = false;   // it has run to its end, and never runs again
  std::string pods;        // label selector of its pods; empty: those that it owns
  std::string owner_uid;   // of its controller
};

struct Workload {
  kube::ObjectMeta meta;
  // Replicas asked for (the API server defaults them to 1). Of a switch: 1, or 0 when stopped.
  std::int32_t replicas = 1;
  // Who set them, as metadata.managedFields tells it ("kubectl", "argocd-controller"); empty: not
  // told, as of a 0 through /scale.
  std::string replicas_manager{};
  bool owns_replicas = false;  // we are (also) their owner there
  // Of the status; a server that does not tell them says 0 and nothing.
  std::int32_t status_replicas = 0;
  std::int32_t terminating_replicas = 0;  // since Kubernetes 1.33, or behind its feature gate
  // A Deployment whose status leaves such pods out, as before Kubernetes 1.35: they are looked at.
  bool hides_terminating = false;
  std::int64_t observed_generation = 0;      // 0: no controller has looked at it
  std::shared_ptr<const Details> details{};  // null: of apps
  std::int32_t grace_seconds = 30;           // that its pods have to end, as its template says
  // metadata.labels: name and value in turns, each with a NUL behind it; see LabelOf. One text, for
  // there are many workloads.
  std::string labels{};

  // Pods that run, those that are about to end too, as far as the status tells.
  std::int64_t Running() const { return std::int64_t{status_replicas} + terminating_replicas; }
  // Whether no pod of it runs, or is about to be made, as far as the object tells.
  bool Ended() const {
    const bool seen = observed_generation == 0 || observed_generation >= meta.generation;
    return replicas == 0 && (Running() == 0 || RunsJobs()) && seen &&
           (!details || details->settled);
  }
  bool RunsJobs() const { return details && details->runs_jobs; }
  // Whether it is known that it has no pod now, though it may have.
  bool Resting() const { return details && details->tells_running && Running() == 0; }
  // Whether its pods have to be looked at, for the object does not tell.
  bool HidesPods() const { return hides_terminating || (details && !details->tells_running); }
  bool Finished() const { return details && details->finished; }
};

// Nothing: it has no such label.
std::optional<std::string_view> LabelOf(const Workload& workload, std::string_view name);

}  // namespace purser::workloads
