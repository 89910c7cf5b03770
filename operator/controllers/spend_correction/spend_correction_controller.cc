#include "controllers/spend_correction/spend_correction_controller.h"

#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "api/codec.h"
#include "base/time_text.h"
#include "base/utf8.h"
#include "controllers/conditions.h"
#include "controllers/resources.h"

namespace purser::controllers {
namespace {

constexpr std::size_t kLongestMessage = 4096;

CorrectionOutcome Failed(std::string reason, std::string message) {
  return {"Failed", false, std::move(reason), std::move(message), 0, ""};
}

// The operator's part of the status, for a server-side apply: what the approver wrote stays his.
std::string Document(const api::SpendCorrection& correction, const CorrectionOutcome& outcome,
                     const std::string& since) {
  nlohmann::ordered_json json;
  json["apiVersion"] = CorrectionType().group + "/" + CorrectionType().version;
  json["kind"] = CorrectionType().kind;
  json["metadata"] = {{"name", correction.meta.name}, {"namespace", correction.meta.ns}};
  auto& status = json["status"];
  status["observedGeneration"] = correction.meta.generation;
  status["state"] = outcome.state;
  if (outcome.entry != 0) status["entry"] = outcome.entry;
  if (!outcome.amount.empty()) status["booked"] = outcome.amount;
  status["conditions"] = {{{"type", "Booked"},
                           {"status", outcome.booked ? "True" : "False"},
                           {"reason", outcome.reason},
                           {"message", CutUtf8(outcome.message, kLongestMessage)},
                           {"lastTransitionTime", since},
                           {"observedGeneration", correction.meta.generation}}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

bool Told(const api::SpendCorrectionStatus& status, const CorrectionOutcome& outcome) {
  const auto* condition = FindCondition(status.conditions, "Booked");
  return status.state == outcome.state && condition != nullptr &&
         condition->reason == outcome.reason && (condition->status == "True") == outcome.booked;
}

}  // namespace

SpendCorrectionController::SpendCorrectionController(Dependencies dependencies)
    : on_(std::move(dependencies)) {}

Result<CorrectionOutcome> SpendCorrectionController::Book(const api::SpendCorrection& correction) {
  const auto& spec = correction.spec;
  ledger::Correction asked;
  asked.origin = "SpendCorrection/" + correction.meta.uid;
  asked.by = correction.status.approved_by;
  asked.reason = spec.reason;
  asked.recorded = on_.clock.Now();
  if (spec.doubt == 0) {
    const auto source = api::SourceOf(spec);
    if (!on_.sources.contains(source)) {
      return Failed("UnknownSource", "spec.source: \"" + source +
                                         "\" is not a source of the operator's configuration; make "
                                         "another SpendCorrection that names one of its sources");
    }
    asked.key = {source, correction.meta.ns, spec.agent, spec.model, "", ""};
    asked.at = spec.at;
    asked.amounts = CostOf(spec.amount);
  } else {
    // Only of its own namespace: else it would tell, and decide about, another's money.
    ledger::JournalFilter filter;
    filter.ns = correction.meta.ns;
    filter.after_id = spec.doubt - 1;
    // Before the first entry there is none to page after: then the oldest is among all.
    filter.most = filter.after_id > 0 ? 1 : ledger::kMostJournalEntries;
    const auto found = on_.ledger.Journal(filter);
    if (!found) return found.error();
    if (found->empty() || found->front().id != spec.doubt ||
        found->front().held == ledger::HeldState::kNone) {
      return Failed("NoSuchDoubt",
                    "spec.doubt: nothing is held under " + std::to_string(spec.doubt) +
                        " in namespace " + correction.meta.ns +
                        "; the condition SpendInDoubt of its budgets, or `purser journal`, tells "
                        "the numbers");
    }
    asked.doubt = spec.doubt;
    asked.accept = spec.decision == api::DoubtDecision::kAccept;
  }
  const auto corrected = on_.ledger.Correct(asked);
  if (!corrected) {
    switch (corrected.error().code()) {
      case ErrorCode::kNotFound:
        return Failed("NoSuchDoubt", "spec.doubt: " + corrected.error().message());
      case ErrorCode::kConflict:
        return Failed("DecidedOtherwise", "spec.doubt: " + corrected.error().message() +
                                              "; to change the sum now, make a SpendCorrection "
                                              "with an amount");
      case ErrorCode::kInvalidArgument:
        return Failed("NotBookable", corrected.error().message());
      default:
        return corrected.error();
    }
  }
  CorrectionOutcome outcome{"Applied", true, "Booked", "", corrected->entry, ""};
  const bool rejected = spec.doubt != 0 && !asked.accept;
  outcome.amount = spec.doubt == 0        ? spec.amount.ToDecimal()
                   : rejected             ? "0"
                   : corrected->increment ? corrected->increment->amounts.cost.ToDecimal()
                                          : correction.status.booked;
  outcome.message = (rejected ? "the doubt is rejected: nothing is booked" : "booked once") +
                    std::string(", as entry ") + std::to_string(outcome.entry) +
                    " of the journal, approved by " + asked.by;
  if (!corrected->already) {
    on_.events.Record(ReferenceTo(CorrectionType(), correction.meta), kube::EventType::kNormal,
                      "Booked", "Correct", outcome.message + ": " + spec.reason);
    spdlog::info("correction={} {} amount={} reason=\"{}\"", correction.meta.key().ToString(),
                 outcome.message, outcome.amount, spec.reason);
  }
  return outcome;
}

Result<CorrectionOutcome> SpendCorrectionController::Settle(
    const api::SpendCorrection& correction) {
  if (correction.invalid) return Failed("InvalidSpec", *correction.invalid);
  const auto* approved = FindCondition(correction.status.conditions, "Approved");
  if (approved == nullptr || approved->status == "Unknown") {
    return CorrectionOutcome{
        "Requested",
        false,
        "NotApproved",
        "waits for somebody with the right on spendcorrections/status to set the condition "
        "Approved to True and approvedBy to his own name",
        0,
        ""};
  }
  if (approved->status != "True") {
    return CorrectionOutcome{
        "Denied", false, "Denied", "the condition Approved is False: nothing is booked", 0, ""};
  }
  if (correction.status.approved_by.empty()) {
    return CorrectionOutcome{
        "Requested",
        false,
        "NoApprover",
        "status.approvedBy is empty: the journal tells who approved; set it to the name that "
        "`kubectl auth whoami` prints",
        0,
        ""};
  }
  return Book(correction);
}

Status SpendCorrectionController::Reconcile(const kube::ObjectKey& key) {
  const auto correction = on_.caches.corrections.Get(key);
  // What was booked stays booked.
  if (!correction || correction->meta.deleting) return Ok();
  if (correction->status.state == "Applied") return Ok();
  const auto outcome = Settle(*correction);
  if (!outcome) return outcome.error();
  if (Told(correction->status, *outcome)) return Ok();
  const auto* before = FindCondition(correction->status.conditions, "Booked");
  const bool same = before != nullptr && (before->status == "True") == outcome->booked;
  const auto answer =
      on_.client.Apply(kube::ObjectPath(CorrectionType(), key, "status"),
                       Document(*correction, *outcome,
                                same ? before->last_transition_time : FormatUtc(on_.clock.Now())));
  if (!answer) {
    if (answer.error().code() == ErrorCode::kNotFound) return Ok();
    return answer.error();
  }
  ObserveAnswer(on_.caches.corrections, *answer,
                [](simdjson::dom::element object) { return api::DecodeSpendCorrection(object); });
  if (outcome->state == "Failed")
    on_.events.Record(ReferenceTo(CorrectionType(), correction->meta), kube::EventType::kWarning,
                      outcome->reason, "Correct", outcome->message);
  return Ok();
}

}  // namespace purser::controllers
