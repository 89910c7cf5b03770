#include "ledger/store.h"

namespace purser::ledger {
namespace {

Status CheckName(const std::string& name, std::string_view what) {
  if (name.size() <= kLongestName) return Ok();
  return Error(ErrorCode::kInvalidArgument,
               std::string(what) + " of " + std::to_string(name.size()) +
                   " bytes: the ledger keeps up to " + std::to_string(kLongestName));
}

Status CheckIncrement(const Batch& batch, const Increment& increment) {
  const auto& key = increment.key;
  if (key.source != batch.source) {
    return Error(ErrorCode::kInvalidArgument, "an increment of source \"" + key.source +
                                                  "\" in a batch of \"" + batch.source + "\"");
  }
  PURSER_RETURN_IF_ERROR(CheckName(key.ns, "a namespace"));
  PURSER_RETURN_IF_ERROR(CheckName(key.agent, "an agent"));
  PURSER_RETURN_IF_ERROR(CheckName(key.model, "a model"));
  PURSER_RETURN_IF_ERROR(CheckName(key.task, "a task"));
  PURSER_RETURN_IF_ERROR(CheckName(key.workflow, "a workflow"));
  if (increment.cost <= Money()) {
    return Error(ErrorCode::kInvalidArgument,
                 "an increment of $" + increment.cost.ToDecimal() + ": spend only grows");
  }
  if (increment.at.time_since_epoch() < Duration::zero())
    return Error(ErrorCode::kInvalidArgument, "an increment before 1970");
  return Ok();
}

}  // namespace

Status Check(const Batch& batch) {
  if (batch.source.empty()) return Error(ErrorCode::kInvalidArgument, "a batch without a source");
  PURSER_RETURN_IF_ERROR(CheckName(batch.source, "a source's name"));
  for (const auto& increment : batch.increments)
    PURSER_RETURN_IF_ERROR(CheckIncrement(batch, increment));
  return Ok();
}

}  // namespace purser::ledger
