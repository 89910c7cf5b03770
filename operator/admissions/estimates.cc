#include "admissions/estimates.h"

#include <algorithm>

namespace purser::admissions {
namespace {

constexpr std::int64_t kInput = 8'000;
constexpr std::int64_t kOutput = 2'000;
constexpr std::int64_t kPercentile = 95;
// The like of fewer calls may have been small by chance.
constexpr std::int64_t kEnoughCalls = 20;

Money PriceOf(const std::string& provider, const std::string& model, std::int64_t input,
              std::int64_t output, const usage::pricing::Prices& prices) {
  return prices
      .Price(provider, model, {.input = input, .output = output}, usage::pricing::Tier::kStandard,
             true)
      .cost;
}

const gate::Experience* LikeOf(const gate::Experiences& seen, const Question& question) {
  const auto* like = seen.Find({question.ns, question.agent, question.task, question.model});
  return like != nullptr && like->sum.calls > 0 ? like : nullptr;
}

}  // namespace

Amounts Estimate(const Question& question, const gate::Experiences& seen,
                 const usage::pricing::Prices& prices) {
  const auto* like = LikeOf(seen, question);
  Amounts amounts;
  amounts.calls = 1;
  // Who settles by cost alone tells of no tokens.
  const auto usual = [&](std::int64_t Amounts::*tokens, std::int64_t otherwise) {
    const std::int64_t all = like != nullptr ? like->sum.*tokens : 0;
    return all > 0 ? all / like->sum.calls : otherwise;
  };
  amounts.input_tokens = question.input_tokens.value_or(usual(&Amounts::input_tokens, kInput));
  amounts.output_tokens =
      question.max_output_tokens.value_or(usual(&Amounts::output_tokens, kOutput));
  if (question.estimate) {
    amounts.cost = *question.estimate;
    return amounts;
  }
  const bool unsaid = !question.input_tokens && !question.max_output_tokens;
  const std::int64_t alike = like != nullptr && unsaid ? like->costs.Count() : 0;
  if (alike > 0) amounts.cost = Money::FromNanos(like->costs.Percentile(kPercentile));
  if (alike < kEnoughCalls) {
    const auto input = unsaid ? kInput : amounts.input_tokens;
    const auto output = unsaid ? kOutput : amounts.output_tokens;
    amounts.cost =
        std::max(amounts.cost, PriceOf(question.provider, question.model, input, output, prices));
  }
  return amounts;
}

std::vector<gate::Choice> Others(const Question& question, const std::vector<gate::Agent>& agents,
                                 const gate::Experiences& seen,
                                 const usage::pricing::Prices& prices) {
  const auto own = std::find_if(agents.begin(), agents.end(),
                                [&](const auto& one) { return one.name == question.agent; });
  std::vector<gate::Choice> others;
  if (own == agents.end()) return others;
  const auto add = [&](const std::string& agent, const std::string& model) {
    if (others.size() == gate::kMostChoices) return;
    auto other = question;
    other.agent = agent;
    other.model = model;
    // What was said of the call was said of the model wanted.
    if (model != question.model) other.estimate.reset();
    others.push_back({agent, model, Estimate(other, seen, prices)});
  };
  for (const auto& model : own->models) {
    if (model != question.model) add(own->name, model);
  }
  for (const auto& agent : agents) {
    if (agent.pool != own->pool || agent.name == own->name) continue;
    if (agent.models.empty()) add(agent.name, question.model);
    for (const auto& model : agent.models) add(agent.name, model);
  }
  return others;
}

std::vector<gate::Candidate> Candidates(const RouteQuestion& question,
                                        const std::vector<gate::Agent>& agents,
                                        const gate::Experiences& seen,
                                        const usage::pricing::Prices& prices) {
  std::vector<gate::Candidate> candidates;
  const auto add = [&](const gate::Agent& agent, const std::string& model, bool out_of_bounds) {
    gate::Candidate one;
    one.agent = agent.name;
    one.model = model;
    if (agent.stopped) one.excluded = "is stopped" + (agent.why.empty() ? "" : ": " + agent.why);
    if (out_of_bounds) one.excluded = "a budget allows the agent only its cheaper models";
    if (const auto* like = seen.Find({question.ns, agent.name, question.task, model})) {
      one.calls = like->sum.calls;
      one.failed_calls = like->sum.failed_calls;
      one.mean_cost = like->MeanCost();
      one.p95_latency_ms = like->latencies.Percentile(kPercentile);
    }
    if (!model.empty()) one.list_cost = PriceOf("", model, kInput, kOutput, prices);
    candidates.push_back(std::move(one));
  };
  const auto& wanted = question.candidates;
  for (const auto& agent : agents) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), agent.name) == wanted.end())
      continue;
    if (agent.models.empty()) add(agent, "", false);
    for (std::size_t each = 0; each < agent.models.size(); ++each)
      add(agent, agent.models[each],
          each + 1 < agent.models.size() && static_cast<std::int32_t>(each) < agent.downgrades);
  }
  for (const auto& name : wanted) {
    const bool known = std::any_of(agents.begin(), agents.end(),
                                   [&](const auto& agent) { return agent.name == name; });
    if (known) continue;
    gate::Candidate unknown;
    unknown.agent = name;
    unknown.excluded = "no AgentPool of namespace " + question.ns + " names it";
    candidates.push_back(std::move(unknown));
  }
  return candidates;
}

}  // namespace purser::admissions
