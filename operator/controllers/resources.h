// The resource types the controllers touch, and the documents they send.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "api/agent_budget.h"
#include "api/agent_pool.h"
#include "base/result.h"
#include "kube/client.h"
#include "kube/events.h"

namespace purser::controllers {

const kube::ResourceType& PoolType();
const kube::ResourceType& BudgetType();
const kube::ResourceType& CorrectionType();
const kube::ResourceType& OverrideType();
const kube::ResourceType& ConfigMapType();

kube::ObjectReference ReferenceTo(const api::AgentBudget& budget);
kube::ObjectReference ReferenceTo(const api::AgentPool& pool);
kube::ObjectReference ReferenceTo(const kube::ResourceType& type, const kube::ObjectMeta& meta);

// The server-side apply document that sets the whole status.
std::string StatusDocument(const api::AgentBudget& budget, const api::AgentBudgetStatus& status);
std::string StatusDocument(const api::AgentPool& pool, const api::AgentPoolStatus& status);

// Folds the answer of our own write into the cache, so that the next reconcile does not act on the
// past.
template <typename InformerType, typename Decode>
void ObserveAnswer(InformerType& informer, const std::string& answer, Decode decode) {
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(answer);
  simdjson::dom::element document;
  if (parser.parse(padded).get(document) != simdjson::SUCCESS) return;
  auto object = decode(document);
  if (object) informer.Observe(std::move(object).value());
}

}  // namespace purser::controllers
