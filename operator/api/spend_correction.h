// SpendCorrection (purser.dev/v1alpha1): what the meter said and was not true, or the decision
// about money that is held in doubt. No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kube/object/object_meta.h"
#include "money/money.h"

namespace purser::api {

enum class DoubtDecision { kAccept, kReject };

// Immutable. One of two forms: an amount, or a decision.
struct SpendCorrectionSpec {
  // An amount, of the correction's namespace.
  std::string source;  // "" where the manifest names none: see SourceOf
  std::string agent;
  std::string model;  // may be empty
  Money amount;       // signed, not 0
  Timestamp at;       // the moment it is booked at, not before 1970
  // Or a decision.
  std::int64_t doubt = 0;  // the number of the held journal entry; 0: the form above
  DoubtDecision decision = DoubtDecision::kReject;

  std::string reason;
  bool operator==(const SpendCorrectionSpec&) const = default;
};

inline std::string SourceOf(const SpendCorrectionSpec& spec) {
  return spec.source.empty() ? "default" : spec.source;
}

struct SpendCorrectionStatus {
  std::int64_t observed_generation = 0;
  std::string state;                        // Requested | Applied | Denied | Failed
  std::string approved_by;                  // written by who approves
  std::int64_t entry = 0;                   // of the journal; 0: nothing booked
  std::string booked;                       // signed decimal string: what budgets count by it
  std::vector<kube::Condition> conditions;  // Approved is who approves', Booked the operator's
  bool operator==(const SpendCorrectionStatus&) const = default;
};

struct SpendCorrection {
  kube::ObjectMeta meta;
  SpendCorrectionSpec spec;
  SpendCorrectionStatus status;
  std::optional<std::string> invalid;  // as AgentPool::invalid
};

}  // namespace purser::api
