// JSON <-> structs. Reading is bounded and strict about types; what is not implemented yet is
// refused by name, never ignored. No I/O. Thread-safe (no state).
#pragma once

#include <simdjson.h>

#include <string>
#include <vector>

#include "api/agent_budget.h"
#include "api/agent_pool.h"
#include "api/spend_correction.h"
#include "base/result.h"

namespace purser::api {

enum class UnknownFields {
  kIgnore,
  kReject
};  // the API server prunes them; `purser validate` rejects

// Decodes one object of a list or watch. A spec that cannot be understood yields an object whose
// `invalid` says which field, which value and what to do; an Error only when even the metadata
// cannot be read.
Result<AgentPool> DecodeAgentPool(simdjson::dom::element object,
                                  UnknownFields unknown = UnknownFields::kIgnore);
Result<AgentBudget> DecodeAgentBudget(simdjson::dom::element object,
                                      UnknownFields unknown = UnknownFields::kIgnore);
Result<SpendCorrection> DecodeSpendCorrection(simdjson::dom::element object,
                                              UnknownFields unknown = UnknownFields::kIgnore);

// metadata of any object; annotations outside purser.dev/ are left out.
Result<kube::ObjectMeta> DecodeObjectMeta(simdjson::dom::element object);

// The whole object as the API server accepts it (for tests).
std::string EncodeAgentPool(const AgentPool& pool);
std::string EncodeAgentBudget(const AgentBudget& budget);
std::string EncodeSpendCorrection(const SpendCorrection& correction);

// The value of "status" alone, full (server-side apply removes what is omitted).
std::string EncodeStatus(const AgentPoolStatus& status);
std::string EncodeStatus(const AgentBudgetStatus& status);
std::string EncodeStatus(const SpendCorrectionStatus& status);

std::string_view ToString(Action action);
std::string_view ToString(Unit unit);
std::string_view ToString(TokenKind kind);
std::string_view ToString(CachedTokens cached);
std::string_view ToString(WindowType type);
std::string_view ToString(Per per);
std::string_view ToString(Period period);
std::string_view ToString(Weekday weekday);
std::string_view ToString(SourceLossAction action);
std::string_view ToString(OnUnpriced choice);
std::string_view ToString(OnDoubt choice);
std::string_view ToString(DoubtDecision decision);

}  // namespace purser::api
