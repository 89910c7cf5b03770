// The original of a workload from which something was taken, and its two copies: an annotation on
// the workload, in the patch that took, and the pool's status.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace purser::workloads {

// The annotation on a workload: what to restore, and what we set.
inline constexpr std::string_view kSavedAnnotation = "purser.dev/saved";

// A field that stops a workload of a kind without replicas.
struct Toggle {
  std::string path{};     // JSON pointer; empty: the kind has replicas
  std::string stopped{};  // JSON of its value when stopped
  bool operator==(const Toggle&) const = default;
};

// Of a toggle, replicas are 1, or 0 when stopped.
struct Saved {
  std::int32_t replicas = 0;  // the original, to restore
  std::int32_t set = 0;       // what we set; if the live value differs somebody else changed it
  std::string pool;           // name of the AgentPool (same namespace)
  std::string pool_uid;
  std::string workload_uid{};  // empty: not known, as of versions that did not write it
  // When it was taken, in whole seconds: tells one stop from the next. The epoch: not known.
  Timestamp at{};
  // JSON of what the toggle said, or of replicas that were not given ("null"); empty: replicas.
  std::string value{};
  Toggle toggle{};
  bool operator==(const Saved&) const = default;

  // Compact JSON
  // {"replicas":5,"set":0,"pool":"research","poolUID":"…","uid":"…","at":"2026-11-27T09:00:00Z"},
  // of a toggle also "value":"false","path":"/spec/suspend","stopped":"true".
  std::string Encode() const;
  // Error kCorrupt: not our JSON, wrong types, out of range, larger than 4 KiB.
  static Result<Saved> Decode(std::string_view text);
};

// What the two copies say together.
struct SavedCopies {
  std::optional<Saved> saved;  // what holds; nothing: nothing was taken
  // Whether the annotation says the same. If not, only the pool's status knows.
  bool annotated = true;
  std::string doubt{};  // what is wrong with one of them, for people; empty: nothing
};

// `annotation`: its text on the live object, if any. `known`: what the pool's status (or our
// memory, which is newer) says. `workload_uid`: of the live object.
// - A copy of another object (deleted and made anew, copied to another name) is stale.
// - An annotation older than `known` was brought back by somebody (a rollback): stale.
// - Otherwise the annotation holds: it is written with the replicas, the status after them.
// - One that cannot be read saves nothing: it never keeps a workload from being stopped.
SavedCopies Compare(std::optional<std::string_view> annotation, const std::optional<Saved>& known,
                    std::string_view workload_uid);

}  // namespace purser::workloads
