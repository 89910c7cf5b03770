#include "ledger/store.h"

#include <algorithm>
#include <string_view>

namespace purser::ledger {
namespace {

Error Invalid(std::string message) {
  return Error(ErrorCode::kInvalidArgument, std::move(message));
}

Status CheckName(const std::string& name, std::string_view what) {
  if (name.size() <= kLongestName) return Ok();
  return Invalid(std::string(what) + " of " + std::to_string(name.size()) +
                 " bytes: the ledger keeps up to " + std::to_string(kLongestName));
}

Status CheckTime(Timestamp at, std::string_view what) {
  if (at.time_since_epoch() >= Duration::zero()) return Ok();
  return Invalid(std::string(what) + " before 1970");
}

Status CheckKey(const SpendKey& key) {
  PURSER_RETURN_IF_ERROR(CheckName(key.ns, "a namespace"));
  PURSER_RETURN_IF_ERROR(CheckName(key.agent, "an agent"));
  PURSER_RETURN_IF_ERROR(CheckName(key.model, "a model"));
  PURSER_RETURN_IF_ERROR(CheckName(key.task, "a task"));
  return CheckName(key.workflow, "a workflow");
}

Status CheckKeyOf(const Batch& batch, const SpendKey& key, std::string_view what) {
  if (key.source != batch.source) {
    return Invalid(std::string(what) + " of source \"" + key.source + "\" in a batch of \"" +
                   batch.source + "\"");
  }
  return CheckKey(key);
}

Status CheckSource(const std::string& source) {
  if (source.empty()) return Invalid("no source is named");
  return CheckName(source, "a source's name");
}

bool TakesBack(const Amounts& amounts) {
  return std::min({amounts.cost.nanos(), amounts.calls, amounts.failed_calls, amounts.input_tokens,
                   amounts.output_tokens, amounts.cached_tokens, amounts.reasoning_tokens,
                   amounts.latency_ms, amounts.estimated.nanos()}) < 0;
}

Status CheckIncrement(const Batch& batch, const Increment& increment) {
  PURSER_RETURN_IF_ERROR(CheckKeyOf(batch, increment.key, "an increment"));
  if (increment.amounts.IsZero()) return Invalid("an increment of nothing");
  if (TakesBack(increment.amounts) && batch.journal.empty())
    return Invalid("an increment that takes back, without a journal entry that says why");
  return CheckTime(increment.at, "an increment");
}

Status CheckCursor(const SeriesCursor& cursor) {
  if (cursor.state.size() <= kLongestCursor) return Ok();
  return Invalid("a cursor of " + std::to_string(cursor.state.size()) +
                 " bytes: the ledger keeps up to " + std::to_string(kLongestCursor));
}

Status CheckEntry(const Batch& batch, const JournalEntry& entry) {
  PURSER_RETURN_IF_ERROR(CheckKeyOf(batch, entry.key, "a journal entry"));
  return CheckTime(entry.at, "a journal entry");
}

}  // namespace

bool CoversKind(const Coverage& coverage, std::string_view model, std::string_view task,
                std::string_view workflow) {
  const auto among = [](const std::vector<std::string>& names, std::string_view name) {
    return names.empty() || std::binary_search(names.begin(), names.end(), name);
  };
  return among(coverage.models, model) && among(coverage.tasks, task) &&
         among(coverage.workflows, workflow);
}

bool CoversAgentAt(const Coverage& coverage, std::string_view agent, std::int64_t minute) {
  if (coverage.whole_namespace ||
      std::binary_search(coverage.agents.begin(), coverage.agents.end(), agent))
    return true;
  auto span = std::lower_bound(
      coverage.spans.begin(), coverage.spans.end(), agent,
      [](const AgentSpan& one, std::string_view name) { return one.agent < name; });
  for (; span != coverage.spans.end() && span->agent == agent; ++span) {
    if (minute >= span->since && minute < span->until) return true;
  }
  return false;
}

std::vector<AgentSpan> SpansOf(const Coverage& coverage) {
  const std::int64_t start = MinuteOf(coverage.start);
  const std::int64_t end = MinuteNotBefore(coverage.end);
  std::vector<AgentSpan> spans;
  spans.reserve(coverage.agents.size() + coverage.spans.size());
  for (const auto& agent : coverage.agents) spans.push_back({agent, start, end});
  for (const auto& span : coverage.spans) {
    const AgentSpan within{span.agent, std::max(start, span.since), std::min(end, span.until)};
    if (within.since < within.until) spans.push_back(within);
  }
  if (!coverage.spans.empty()) std::sort(spans.begin(), spans.end());
  return spans;
}

Status Check(const Batch& batch) {
  PURSER_RETURN_IF_ERROR(CheckSource(batch.source));
  for (const auto& increment : batch.increments)
    PURSER_RETURN_IF_ERROR(CheckIncrement(batch, increment));
  for (const auto& cursor : batch.cursors) PURSER_RETURN_IF_ERROR(CheckCursor(cursor));
  for (const auto& entry : batch.journal) PURSER_RETURN_IF_ERROR(CheckEntry(batch, entry));
  for (const auto& rate : batch.rates)
    PURSER_RETURN_IF_ERROR(CheckKeyOf(batch, rate.key, "a rate"));
  for (const auto& admission : batch.admissions) {
    PURSER_RETURN_IF_ERROR(CheckName(admission.id, "an admission"));
    if (admission.body.size() > kLongestAdmission) return Invalid("an admission that is too long");
  }
  return Ok();
}

Status Check(const Correction& correction) {
  if (correction.origin.empty()) return Invalid("a correction without an origin");
  PURSER_RETURN_IF_ERROR(CheckName(correction.origin, "a correction's origin"));
  if (correction.doubt != 0) return Ok();
  PURSER_RETURN_IF_ERROR(CheckSource(correction.key.source));
  PURSER_RETURN_IF_ERROR(CheckKey(correction.key));
  if (correction.amounts.IsZero()) return Invalid("a correction of nothing");
  return CheckTime(correction.at, "a correction");
}

std::optional<Increment> SettledBy(const JournalEntry& entry) {
  if (entry.held != HeldState::kSettled || entry.id == 0 || entry.amount.IsZero())
    return std::nullopt;
  return Increment{entry.key, entry.at, entry.amount};
}

Result<std::optional<JournalEntry>> Decide(const Correction& correction,
                                           const std::optional<JournalEntry>& doubt) {
  JournalEntry entry;
  entry.kind = JournalKind::kCorrection;
  entry.recorded = correction.recorded;
  entry.reason = correction.reason;
  entry.by = correction.by;
  entry.origin = correction.origin;
  if (correction.doubt == 0) {
    entry.at = correction.at;
    entry.key = correction.key;
    entry.amount = correction.amounts;
    return std::optional(std::move(entry));
  }
  const std::string name = "journal entry " + std::to_string(correction.doubt);
  if (!doubt || doubt->held == HeldState::kNone) {
    return Error(ErrorCode::kNotFound, name +
                                           (doubt ? " holds no amount" : " is not in the ledger") +
                                           ": name one that `purser journal --held` lists");
  }
  const HeldState wanted = correction.accept ? HeldState::kAccepted : HeldState::kRejected;
  if (doubt->held == wanted) return std::optional<JournalEntry>();
  if (doubt->held != HeldState::kHeld) {
    const bool settled = doubt->held == HeldState::kSettled;
    return Error(ErrorCode::kConflict,
                 name +
                     (settled ? " was settled by later samples"
                              : " was " +
                                    std::string(doubt->held == HeldState::kAccepted ? "accepted"
                                                                                    : "rejected") +
                                    " before" + (doubt->by.empty() ? "" : " by " + doubt->by)) +
                     ": book the difference with a correction of an amount instead");
  }
  entry.at = doubt->at;
  entry.key = doubt->key;
  entry.series = doubt->series;
  if (correction.accept) entry.amount = doubt->amount;
  return std::optional(std::move(entry));
}

std::string CutText(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return std::string(text);
  // At a character's start: bytes that go on with a character are 10xxxxxx.
  while (longest > 0 && (static_cast<unsigned char>(text[longest]) & 0xc0u) == 0x80u) --longest;
  return std::string(text.substr(0, longest));
}

}  // namespace purser::ledger
