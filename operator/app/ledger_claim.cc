#include "app/ledger_claim.h"

#include <simdjson.h>

#include <nlohmann/json.hpp>

#include "kube/leader_election.h"
#include "kube/object/decode_object_meta.h"

namespace purser::app {

LedgerClaim DecideClaim(const std::map<std::string, std::string>& annotations,
                        const std::string& ledger_id, bool ephemeral) {
  const auto value = [&](const char* name) {
    const auto found = annotations.find(name);
    return found == annotations.end() ? std::string() : found->second;
  };
  const std::string led_last = value(kLedgerAnnotation);
  if (led_last.empty()) return LedgerClaim::kUnclaimed;
  if (led_last == ledger_id) return LedgerClaim::kOurs;
  return ephemeral || value(kAcceptLedgerAnnotation) == ledger_id ? LedgerClaim::kAccepted
                                                                  : LedgerClaim::kRefused;
}

Result<LeaseClaim> ReadClaim(kube::Client& client, const kube::ObjectKey& lease,
                             const std::string& ledger_id, const std::string& ledger,
                             bool ephemeral, const kube::CallOptions& options) {
  const auto body = client.Get(kube::ObjectPath(kube::LeaseType(), lease), options);
  if (!body && body.error().code() == ErrorCode::kNotFound) return LeaseClaim{};
  if (!body) return body.error();
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  if (parser.parse(*body).get(document) != simdjson::SUCCESS)
    return Error(ErrorCode::kCorrupt, "the Lease cannot be read");
  const auto meta = kube::DecodeObjectMeta(document, "purser.dev/");
  if (!meta) return meta.error().WithContext("the Lease");
  const auto led_last = meta->annotations.find(kLedgerAnnotation);
  LeaseClaim claim{DecideClaim(meta->annotations, ledger_id, ephemeral),
                   meta->uid,
                   led_last == meta->annotations.end() ? std::string() : led_last->second,
                   {}};
  if (claim.claim == LedgerClaim::kRefused) {
    claim.refusal =
        "not leading: the ledger " + ledger_id + " (" + ledger +
        ") is not the one that led before (" + claim.before + ", says the Lease " +
        lease.ToString() +
        "), so what was spent is not known here and every budget would open; restore the volume of "
        "that ledger, or accept this one: kubectl -n " +
        lease.ns + " annotate lease " + lease.name + " --overwrite " + kAcceptLedgerAnnotation +
        "=" + ledger_id;
  }
  return claim;
}

Status WriteClaim(kube::Client& client, const kube::ObjectKey& lease, const std::string& ledger_id,
                  const kube::CallOptions& options) {
  const nlohmann::json patch{
      {"metadata",
       {{"annotations", {{kLedgerAnnotation, ledger_id}, {kAcceptLedgerAnnotation, nullptr}}}}}};
  const auto answer =
      client.MergePatch(kube::ObjectPath(kube::LeaseType(), lease), patch.dump(), {}, options);
  if (!answer) return answer.error();
  return Ok();
}

}  // namespace purser::app
